"""Where exports are stored: local paths, and objects under ``s3://`` and ``gs://``, behind one small interface.

Light: Arrow's file systems are loaded when a remote place is first used. Credentials come from the environment of
the process only (``AWS_…`` variables, profile or role; Google's default credentials) and are in no message.

    AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL   another S3 than Amazon's, such as MinIO
    AWS_REGION, AWS_DEFAULT_REGION          region; by default Amazon is asked for the bucket's
    STORAGE_EMULATOR_HOST                   an emulator of Google Cloud Storage, without credentials
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import IO, TypeAlias

from foundation import storage_remote
from foundation.errors import StorageError
from foundation.storage_remote import Address, RemoteStat

_REMOTE = re.compile(r"(?P<scheme>s3|gs)://(?P<bucket>[^/@:?#]+)(?:/(?P<key>.*))?", re.DOTALL)
_ANY_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]+)://")


class RemotePath(Address):
    """An object in a store, with the few methods of ``pathlib.Path`` that reading needs."""

    def stat(self) -> RemoteStat:
        """Asks the store for size, time and checksum.

        Raises:
            StorageError: There is no such object, or the store does not answer.
        """
        return storage_remote.stat(self)

    def is_file(self) -> bool:
        """Returns whether there is such an object."""
        return storage_remote.exists(self)

    def read_bytes(self) -> bytes:
        """Returns the whole content."""
        with self.open() as file:
            return file.read()

    def open(self, mode: str = "rb") -> IO[bytes]:
        """Opens the object for reading; failed requests are tried again, and a range comes whole or not at all.

        Raises:
            StorageError: There is no such object, or the store does not answer.
        """
        if mode != "rb":
            raise ValueError(f"objects are opened for reading only, not {mode!r}")
        return storage_remote.open_object(self)


Location: TypeAlias = Path | RemotePath


def is_remote(text: str) -> bool:
    """Returns whether an address names a store, known or not."""
    return bool(_ANY_SCHEME.match(text))


def locate(text: str, base: Path | None = None) -> Location:
    """Returns the place that an address names.

    Args:
        text: A path, or an address with ``s3://`` or ``gs://``.
        base: Folder that relative paths start from.

    Raises:
        StorageError: The address is of another scheme, has no bucket, holds credentials, or has a part without a name.
    """
    if not is_remote(text):
        return base / text if base else Path(text)
    found = _REMOTE.fullmatch(text)
    if found:
        _check_key(text, found["key"] or "")
        return RemotePath(f"{found['scheme']}://{found['bucket']}/{found['key'] or ''}")
    scheme = text.split("://", 1)[0]
    if scheme in ("s3", "gs"):
        raise StorageError(
            f"a {scheme}:// address",
            expected=f"{scheme}://bucket/key, and nothing else before the first slash",
            seen="no bucket, or credentials or a port in the address",
            remedy="give credentials and endpoint by environment variables (see docs/ingestion.md)",
        )
    raise StorageError(
        f"an address with {scheme}://",
        expected="a local path, s3:// or gs://",
        seen="another scheme",
        remedy="copy the export here or to a bucket first",
    )


def _check_key(text: str, key: str) -> None:
    """Refuses keys that a store keeps apart and a file system does not: ``a//b`` is not ``a/b`` there."""
    parts = key.removesuffix("/").split("/") if key else []
    odd = next((part for part in parts if part in ("", ".", "..")), None)
    if odd is not None:
        raise StorageError(
            f"address {text}",
            expected="a name between all slashes",
            seen=f"a part called {odd!r}" if odd else "two slashes in a row, or one at the start of the key",
            remedy="correct the address; if an object is really called so, copy it to another key",
        )

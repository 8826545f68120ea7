"""The mirror: the place on this machine that stands for an address in a store, and the other way round.

TensorFlow knows no ``s3://``, and most code only knows files. So whatever is used here has a local name that follows
from its address alone: ``s3://bucket/key`` is ``CACHE/mirror/s3/bucket/key``. ML Metadata and messages hold addresses.
Light: a store's client is loaded when there is an address.

    PENSTOCK_CACHE        folder of the cache; by default ``penstock`` in ``XDG_CACHE_HOME`` or ``~/.cache``
    PENSTOCK_CACHE_BYTES  bytes that it may hold beyond what is in use; by default 20 GB
"""

from __future__ import annotations

import os
from pathlib import Path

from foundation.errors import StorageError

SCHEMES = ("s3", "gs")
_DEFAULT_BYTES = 20 * 10**9


def cache_folder() -> Path:
    """Returns the folder of the cache, whether it exists or not."""
    if given := os.environ.get("PENSTOCK_CACHE"):
        return Path(given).absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute() / "penstock"


def cache_bytes() -> int:
    """Returns how many bytes the cache may hold.

    Raises:
        StorageError: The variable is not a number of bytes.
    """
    given = os.environ.get("PENSTOCK_CACHE_BYTES", "")
    if given and not given.isdecimal():
        raise StorageError(
            "the variable PENSTOCK_CACHE_BYTES",
            expected="a whole number of bytes",
            seen=repr(given),
            remedy="set it to one such as 20000000000, or unset it",
        )
    return int(given) if given else _DEFAULT_BYTES


def in_store(uri: str) -> bool:
    """Returns whether an address is one of a store that has a mirror here."""
    return uri.startswith(tuple(f"{scheme}://" for scheme in SCHEMES))


def mirror_of(uri: str) -> Path:
    """Returns the local place of an address; a local path stands for itself."""
    if not in_store(uri):
        return Path(uri)
    scheme, _, inner = uri.partition("://")
    return _mirrors() / scheme / inner.strip("/")


def placed(text: str, base: Path) -> Path:
    """Returns the local place of an address, or of a path that may be relative to a folder.

    Args:
        text: A path, or an address.
        base: Folder that a relative path starts from.
    """
    return mirror_of(text) if in_store(text) else base / text


def address_of(path: str | os.PathLike[str]) -> str:
    """Returns the address that a path in the mirror stands for; any other path stands for itself."""
    text, mirrors = os.fspath(path), f"{_mirrors()}{os.sep}"
    scheme, _, inner = text.removeprefix(mirrors).partition("/")
    return f"{scheme}://{inner}" if text.startswith(mirrors) and scheme in SCHEMES else text


def _mirrors() -> Path:
    return cache_folder() / "mirror"

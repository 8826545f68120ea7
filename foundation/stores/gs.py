"""A bucket of Google Cloud Storage."""

from __future__ import annotations

import builtins
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from foundation.errors import StorageError
from foundation.stores.base import TOKEN, Entry, Failure, Store

_SECONDS = 60
"""Seconds that one request may take without an answer."""


class GoogleStore(Store):
    """A bucket of Google Cloud Storage, through Google's client, with its default credentials.

    Args:
        bucket: Its name.

    Raises:
        StorageError: Google's client is not installed, or finds no credentials.
    """

    def __init__(self, bucket: str) -> None:
        super().__init__("gs", bucket)
        self._client = _client()
        self._bucket = self._client.bucket(bucket)

    def get(self, key: str) -> bytes | None:
        """Returns an object's content, see ``Store.get``."""

        def ask() -> bytes | None:
            from google.api_core.exceptions import NotFound

            try:
                content: bytes = self._blob(key).download_as_bytes(retry=None, timeout=_SECONDS)
            except NotFound:
                return None
            return content

        return self._ask(key, ask)

    def put(self, key: str, data: bytes) -> None:
        """Writes an object, see ``Store.put``."""
        self._ask(key, lambda: self._blob(key).upload_from_string(data, retry=None, timeout=_SECONDS))

    def replace(self, key: str, data: bytes, mark: str) -> bool:
        """Writes an object if the one that is there still has a mark, see ``Store.replace``."""
        token = uuid.uuid4().hex

        def ask() -> bool:
            from google.api_core.exceptions import PreconditionFailed

            blob = self._blob(key)
            blob.metadata = {TOKEN: token}
            try:
                blob.upload_from_string(
                    data, if_generation_match=int(mark or 0), retry=None, timeout=_SECONDS
                )
            except PreconditionFailed:
                # An attempt before this one may have succeeded although its answer was lost.
                there = self._bucket.get_blob(key, retry=None, timeout=_SECONDS)
                return bool(there and (there.metadata or {}).get(TOKEN) == token)
            return True

        return self._ask(key, ask)

    def find(self, key: str) -> Entry | None:
        """Returns an object's size and mark, see ``Store.find``."""
        found = self._ask(key, lambda: self._bucket.get_blob(key, retry=None, timeout=_SECONDS))
        return _entry(found) if found else None

    def list(self, prefix: str) -> builtins.list[Entry]:
        """Returns the objects whose keys begin so, see ``Store.list``."""

        def ask() -> builtins.list[Entry]:
            blobs = self._client.list_blobs(self._bucket, prefix=prefix, retry=None, timeout=_SECONDS)
            return [_entry(blob) for blob in blobs]

        return self._ask(prefix, ask)

    def first(self, prefix: str) -> tuple[builtins.list[Entry], bool]:
        """Returns the first objects whose keys begin so, see ``Store.first``."""

        def ask() -> tuple[builtins.list[Entry], bool]:
            blobs = self._client.list_blobs(self._bucket, prefix=prefix, retry=None, timeout=_SECONDS)
            page = next(blobs.pages, ())
            return [_entry(blob) for blob in page], not blobs.next_page_token

        return self._ask(prefix, ask)

    def delete(self, keys: Iterable[str]) -> None:
        """Removes objects, see ``Store.delete``."""
        for key in keys:
            self._ask(key, lambda: self._delete(key))  # noqa: B023

    def send(self, file: Path, key: str) -> None:
        """Copies a file into the store, see ``Store.send``."""
        self._ask(key, lambda: self._blob(key).upload_from_filename(str(file), retry=None, timeout=_SECONDS))

    def fetch(self, key: str, file: Path) -> None:
        """Copies an object into a file, see ``Store.fetch``; its checksum is compared."""
        self._ask(key, lambda: self._blob(key).download_to_filename(str(file), retry=None, timeout=_SECONDS))

    def copy(self, source: str, target: str) -> None:
        """Copies an object within the store, see ``Store.copy``."""

        def ask() -> None:
            token, _, _ = self._blob(target).rewrite(self._blob(source), retry=None, timeout=_SECONDS)
            while token:
                token, _, _ = self._blob(target).rewrite(
                    self._blob(source), token=token, retry=None, timeout=_SECONDS
                )

        self._ask(target, ask)

    def _delete(self, key: str) -> None:
        from google.api_core.exceptions import NotFound

        try:
            self._blob(key).delete(retry=None, timeout=_SECONDS)
        except NotFound:
            return

    def _blob(self, key: str) -> Any:
        return self._bucket.blob(key)

    def _failure(self, error: Exception) -> Failure | None:
        from google.api_core import exceptions
        from google.auth.exceptions import GoogleAuthError, TransportError
        from google.cloud.exceptions import GoogleCloudError
        from google.cloud.storage.exceptions import DataCorruption, InvalidResponse
        from requests.exceptions import RequestException

        if isinstance(error, (exceptions.GoogleAPICallError, GoogleCloudError)):
            return _of_status(int(error.code or 0))
        if isinstance(error, InvalidResponse):
            return _of_status(int(error.response.status_code))
        if isinstance(error, (RequestException, ConnectionError, DataCorruption, TransportError)):
            return Failure("no answer, or a connection lost halfway", final=False)
        if isinstance(error, GoogleAuthError):
            return Failure("credentials that Google does not take", final=True)
        return None


def _of_status(status: int) -> Failure:
    final = 400 <= status < 500 and status not in (408, 429)  # a checksum that differs comes with 200
    return Failure(f"HTTP status {status}", final)


def _entry(blob: Any) -> Entry:
    return Entry(str(blob.name), int(blob.size or 0), str(blob.generation or blob.etag or ""))


def _client() -> Any:
    try:
        from google.auth.exceptions import GoogleAuthError
        from google.cloud import storage
    except ImportError as error:
        raise StorageError(
            "a root or destination on gs://",
            expected="Google's client (google-cloud-storage)",
            seen="not installed",
            remedy="pip install google-cloud-storage",
        ) from error
    try:
        return storage.Client()
    except (GoogleAuthError, OSError) as error:
        raise StorageError(
            "a root or destination on gs://",
            expected="Google's default credentials in the environment",
            seen=f"{type(error).__name__}",
            remedy="set GOOGLE_APPLICATION_CREDENTIALS, or run 'gcloud auth application-default login'",
        ) from error

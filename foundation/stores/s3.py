"""A bucket of S3, or of a store that speaks like it, such as MinIO."""

from __future__ import annotations

import builtins
import os
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from foundation.errors import StorageError
from foundation.stores.base import TOKEN, Entry, Failure, Store

_AT_ONCE = 1000
"""Keys in one request to delete or to list, at most."""
_MISSING = {"404", "NoSuchKey", "NotFound"}
_LATER = {"409", "ConditionalRequestConflict", "OperationAborted", "RequestTimeout", "SlowDown"}
"""Answers below 500 (and 503's name) after which the same request may succeed."""


class S3Store(Store):
    """A bucket of S3, through Amazon's client, which signs requests with the credentials of the environment.

    Args:
        bucket: Its name.

    Raises:
        StorageError: Amazon's client is not installed.
    """

    def __init__(self, bucket: str) -> None:
        super().__init__("s3", bucket)
        self._client = _client()

    def get(self, key: str) -> bytes | None:
        """Returns an object's content, see ``Store.get``."""

        def ask() -> bytes | None:
            try:
                answer = self._client.get_object(Bucket=self.bucket, Key=key)
            except self._client.exceptions.ClientError as error:
                if _code(error) in _MISSING:
                    return None
                raise
            content: bytes = answer["Body"].read()
            return content

        return self._ask(key, ask)

    def put(self, key: str, data: bytes) -> None:
        """Writes an object, see ``Store.put``."""
        self._ask(key, lambda: self._client.put_object(Bucket=self.bucket, Key=key, Body=data))

    def replace(self, key: str, data: bytes, mark: str) -> bool:
        """Writes an object if the one that is there still has a mark, see ``Store.replace``."""
        token = uuid.uuid4().hex

        def ask() -> bool:
            about: dict[str, Any] = {"IfMatch": f'"{mark}"'} if mark else {"IfNoneMatch": "*"}
            about["Metadata"] = {TOKEN: token}
            try:
                self._client.put_object(Bucket=self.bucket, Key=key, Body=data, **about)
            except self._client.exceptions.ClientError as error:
                if _code(error) not in ("412", "PreconditionFailed", *(_MISSING if mark else ())):
                    raise
                # An attempt before this one may have succeeded although its answer was lost.
                return self._head(key).get("Metadata", {}).get(TOKEN) == token
            return True

        return self._ask(key, ask)

    def find(self, key: str) -> Entry | None:
        """Returns an object's size and mark, see ``Store.find``."""
        about = self._ask(key, lambda: self._head(key))
        return Entry(key, about["ContentLength"], about["ETag"].strip('"')) if about else None

    def list(self, prefix: str) -> builtins.list[Entry]:
        """Returns the objects whose keys begin so, see ``Store.list``."""

        def ask() -> builtins.list[Entry]:
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
            return [entry for page in pages for entry in _entries(page)]

        return self._ask(prefix, ask)

    def first(self, prefix: str) -> tuple[builtins.list[Entry], bool]:
        """Returns the first objects whose keys begin so, see ``Store.first``."""
        page = self._ask(
            prefix, lambda: self._client.list_objects_v2(Bucket=self.bucket, Prefix=prefix, MaxKeys=_AT_ONCE)
        )
        return _entries(page), not page.get("IsTruncated")

    def delete(self, keys: Iterable[str]) -> None:
        """Removes objects, see ``Store.delete``."""
        names = [{"Key": key} for key in keys]
        for start in range(0, len(names), _AT_ONCE):
            some = {"Objects": names[start : start + _AT_ONCE], "Quiet": True}
            key = names[start]["Key"]
            answer = self._ask(key, lambda: self._client.delete_objects(Bucket=self.bucket, Delete=some))  # noqa: B023
            if refused := answer.get("Errors"):
                seen = f"{refused[0].get('Code', 'a refusal')} for {len(refused)} objects"
                raise self._error(refused[0]["Key"], Failure(seen, final=True), 1)

    def send(self, file: Path, key: str) -> None:
        """Copies a file into the store, see ``Store.send``; large ones go in parts, which S3 joins at the end."""
        self._ask(key, lambda: self._client.upload_file(str(file), self.bucket, key))

    def fetch(self, key: str, file: Path) -> None:
        """Copies an object into a file, see ``Store.fetch``."""
        self._ask(key, lambda: self._client.download_file(self.bucket, key, str(file)))

    def copy(self, source: str, target: str) -> None:
        """Copies an object within the store, see ``Store.copy``."""
        place = {"Bucket": self.bucket, "Key": source}
        self._ask(target, lambda: self._client.copy(place, self.bucket, target))

    def _head(self, key: str) -> dict[str, Any]:
        """Returns what the store says of an object; {} where there is none."""
        try:
            found: dict[str, Any] = self._client.head_object(Bucket=self.bucket, Key=key)
        except self._client.exceptions.ClientError as error:
            if _code(error) in _MISSING:
                return {}
            raise
        return found

    def _failure(self, error: Exception) -> Failure | None:
        from boto3.exceptions import Boto3Error, RetriesExceededError
        from botocore import exceptions

        cause = error.__context__ if isinstance(error, Boto3Error) and error.__context__ else error
        if isinstance(cause, exceptions.ClientError):
            status = int(cause.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
            code = _code(cause)
            final = status < 500 and status != 429 and code not in _LATER
            return Failure(f"{code} (HTTP status {status})" if status else code, final)
        if isinstance(cause, (exceptions.NoCredentialsError, exceptions.PartialCredentialsError)):
            return Failure("no credentials in the environment", final=True)
        lost = (exceptions.HTTPClientError, exceptions.ChecksumError, exceptions.IncompleteReadError)
        if isinstance(cause, (*lost, RetriesExceededError)):
            return Failure("no answer, or a connection lost halfway", final=False)
        if isinstance(cause, (exceptions.BotoCoreError, Boto3Error)):
            return Failure(f"{type(cause).__name__} of Amazon's client", final=True)
        return None


def _entries(page: dict[str, Any]) -> list[Entry]:
    return [Entry(one["Key"], one["Size"], one["ETag"].strip('"')) for one in page.get("Contents", ())]


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", "unknown"))


def _client() -> Any:
    try:
        import boto3
        from botocore.config import Config
    except ImportError as error:
        raise StorageError(
            "a root or destination on s3://",
            expected="Amazon's client (boto3)",
            seen="not installed",
            remedy="pip install 'penstock[aws]'",
        ) from error
    asked = os.environ.get
    endpoint = asked("AWS_ENDPOINT_URL_S3") or asked("AWS_ENDPOINT_URL") or None
    region = asked("AWS_REGION") or asked("AWS_DEFAULT_REGION") or ("us-east-1" if endpoint else None)
    settings: dict[str, Any] = {"connect_timeout": 10, "read_timeout": 60}
    settings["retries"] = {"mode": "standard", "total_max_attempts": 1}  # we retry ourselves
    if endpoint:  # stores that only speak like S3 know neither buckets as host names nor the newest checksums
        settings |= {"s3": {"addressing_style": "path"}, "request_checksum_calculation": "when_required"}
    return boto3.client("s3", region_name=region, endpoint_url=endpoint, config=Config(**settings))

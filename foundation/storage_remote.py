"""Reading objects of S3 and Google Cloud Storage through Arrow's file systems, with retries.

An object is read in ranges. A range that fails is asked for again, with growing pauses; it is passed on only when it is
whole, so that a connection lost halfway costs time and never bytes.
"""

from __future__ import annotations

import datetime
import io
import os
import random
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import IO, Any, Self, TypeVar, cast
from urllib.parse import urlsplit

from foundation.errors import StorageError

RANGE_BYTES = 8 * 2**20
ATTEMPTS = 6
FIRST_PAUSE = 0.2
"""Seconds before the second attempt; each pause is twice the one before, give or take a quarter."""
CONCURRENT_QUESTIONS = 16
_Result = TypeVar("_Result")
_Place = TypeVar("_Place", bound="Address")
_AWS_ERROR = re.compile(r"AWS Error ([A-Z_]+)")
_STATUS = re.compile(r"HTTP status (\d{3})")
_FINAL = {
    "ACCESS_DENIED",
    "NO_SUCH_BUCKET",
    "NO_SUCH_KEY",
    "INVALID_ACCESS_KEY_ID",
    "SIGNATURE_DOES_NOT_MATCH",
}
_FINAL_STATUS = {"400", "401", "403", "404", "416"}


@dataclass(frozen=True)
class RemoteStat:
    """What a store says about an object; the names are those of ``os.stat``."""

    st_size: int
    """Bytes."""
    st_mtime_ns: int
    """Time of the last change."""
    checksum: str
    """The store's own mark of the content: ETag on S3, MD5 or generation on Google Cloud Storage."""


@dataclass(frozen=True, order=True)
class Address:
    """Where an object is: ``s3://bucket/key`` or ``gs://bucket/key``."""

    url: str

    def __str__(self) -> str:
        """Returns the address."""
        return self.url

    @property
    def name(self) -> str:
        """The part after the last slash."""
        return self.url.rsplit("/", 1)[-1]

    @property
    def parent(self) -> Self:
        """The folder that the object is in."""
        return type(self)(self.url.rstrip("/").rsplit("/", 1)[0])

    def __truediv__(self, name: str) -> Self:
        return type(self)(f"{self.url.rstrip('/')}/{name}")

    @property
    def scheme(self) -> str:
        """``s3`` or ``gs``."""
        return self.url.split("://", 1)[0]

    @property
    def inner(self) -> str:
        """Bucket and key, as Arrow names objects."""
        return self.url.split("://", 1)[1]


def stat(path: Address) -> RemoteStat:
    """Returns size, time and checksum of an object.

    Raises:
        StorageError: There is no such object, or the store does not answer.
    """

    def ask() -> RemoteStat:
        with filesystem(path).open_input_file(path.inner) as file:
            return _described(file.size(), file.metadata() or {})

    return patiently(ask, path)


def stat_all(paths: Sequence[Address]) -> list[RemoteStat]:
    """Returns what ``stat`` does for many objects, several at a time."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(CONCURRENT_QUESTIONS) as pool:
        return list(pool.map(stat, paths))


def exists(path: Address) -> bool:
    """Returns whether there is such an object."""
    found = patiently(lambda: filesystem(path).get_file_info(path.inner), path)
    return bool(found.is_file)


def list_objects(folder: _Place, recursive: bool) -> list[_Place]:
    """Returns the objects under a folder, in order; none where there is no such folder.

    Raises:
        StorageError: There is no such bucket, or the store does not answer.
    """
    from pyarrow import fs

    selector = fs.FileSelector(folder.inner.rstrip("/"), allow_not_found=True, recursive=recursive)
    infos = patiently(lambda: filesystem(folder).get_file_info(selector), folder)
    return sorted(type(folder)(f"{folder.scheme}://{info.path}") for info in infos if info.is_file)


def list_folders(folder: _Place) -> list[_Place]:
    """Returns the folders right under a folder, in order; none where there is no such folder.

    Raises:
        StorageError: There is no such bucket, or the store does not answer.
    """
    from pyarrow import fs

    selector = fs.FileSelector(folder.inner.rstrip("/"), allow_not_found=True)
    infos = patiently(lambda: filesystem(folder).get_file_info(selector), folder)
    return sorted(
        type(folder)(f"{folder.scheme}://{info.path}") for info in infos if info.type == fs.FileType.Directory
    )


def open_object(path: Address) -> IO[bytes]:
    """Opens an object for reading in ranges of 8 MiB; it can seek."""
    return cast("IO[bytes]", io.BufferedReader(cast(io.RawIOBase, _RangeReader(path)), RANGE_BYTES))


class _RangeReader(io.RawIOBase):
    """Raw bytes of an object; every read is one range, asked for until it is whole."""

    def __init__(self, path: Address) -> None:
        self._path, self._place = path, 0
        self._file: Any = None
        self._about: RemoteStat | None = None
        self._size = int(patiently(self._opened, path).size())

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._place = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        return self._place

    def readinto(self, buffer: Any) -> int:
        wanted = min(len(buffer), self._size - self._place)
        if wanted <= 0:
            return 0
        data = patiently(lambda: self._range(wanted), self._path)
        buffer[:wanted] = data
        self._place += wanted
        return wanted

    def readall(self) -> bytes:
        """Returns the rest, in ranges: Python's own would ask for 8 KiB at a time."""
        return b"".join(iter(lambda: self.read(RANGE_BYTES), b""))

    def close(self) -> None:
        self._forget()
        super().close()

    def _opened(self) -> Any:
        if self._file is None:
            self._file = filesystem(self._path).open_input_file(self._path.inner)
            about = _described(self._file.size(), self._file.metadata() or {})
            if self._about not in (None, about):
                raise _changed(self._path, self._about, about)
            self._about = about
        return self._file

    def _forget(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _range(self, wanted: int) -> bytes:
        try:
            data: bytes = self._opened().read_at(wanted, self._place)
        except FileNotFoundError as error:
            raise _changed(self._path, self._about, None) from error
        except OSError:
            self._look_again()
            raise
        if len(data) != wanted:
            self._look_again()
            raise OSError("a range came short")
        return data

    def _look_again(self) -> None:
        """Opens the object anew after a failure, which shows whether it is still the same.

        Raises:
            StorageError: It is another one, or gone.
        """
        self._forget()
        try:
            self._opened()
        except FileNotFoundError as error:
            raise _changed(self._path, self._about, None) from error
        except OSError:
            self._forget()  # the store does not answer: the caller asks again


def _changed(path: Address, before: RemoteStat | None, now: RemoteStat | None) -> StorageError:
    if now is None:
        seen = "it is gone"
    elif before and now.st_size != before.st_size:
        seen = f"{now.st_size} bytes in place of {before.st_size}"
    else:
        seen = "another content of the same size"
    return StorageError(
        f"{path}",
        expected="an object that does not change while it is read",
        seen=seen,
        remedy="wait until the export is complete, and run again; nothing was published",
    )


def patiently(ask: Callable[[], _Result], path: Address) -> _Result:
    """Asks again while the store is busy or the connection fails.

    Raises:
        StorageError: Another attempt would not help, or there were enough.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return ask()
        except ValueError as error:  # Arrow's ArrowInvalid
            raise StorageError(
                f"{path}",
                expected="an address that the store's client takes",
                seen="another",
                remedy="correct it",
            ) from error
        except OSError as error:
            if attempt == ATTEMPTS or _is_final(error):
                raise _error(path, error, attempt) from error
            time.sleep(FIRST_PAUSE * 2 ** (attempt - 1) * random.uniform(0.75, 1.25))
    raise AssertionError("unreachable")


def _is_final(error: OSError) -> bool:
    if isinstance(error, (FileNotFoundError, PermissionError)):
        return True
    code, status = _AWS_ERROR.search(str(error)), _STATUS.search(str(error))
    return bool((code and code[1] in _FINAL) or (status and status[1] in _FINAL_STATUS))


def _error(path: Address, error: OSError, attempts: int) -> StorageError:
    """Says what happened without the store's own text, which may quote a request."""
    code, status = _AWS_ERROR.search(str(error)), _STATUS.search(str(error))
    named = (
        [code[1].lower().replace("_", " ")]
        if code and code[1] not in ("UNKNOWN", "NETWORK_CONNECTION")
        else []
    )
    named += [f"HTTP status {status[1]}"] if status else []
    if isinstance(error, FileNotFoundError):
        seen, remedy = "no such object", "check the address"
    elif _is_final(error):
        seen, remedy = ", ".join(named), "check bucket, region and the credentials in the environment"
    else:
        seen = ", ".join(named) or "no answer, or a connection lost halfway"
        remedy = "run again when the store answers; nothing was published"
    tries = f" ({attempts} attempts)" if attempts > 1 else ""
    expected = "an object that can be read"
    found = StorageError(f"{path}", expected=expected, seen=seen + tries, remedy=remedy)
    return found.passing(not _is_final(error))


def _described(size: int, raw: dict[Any, Any]) -> RemoteStat:
    about = {_text(key).lower(): _text(value) for key, value in raw.items()}
    changed = about.get("last-modified") or about.get("updated") or ""
    mark = about.get("md5hash") or about.get("etag") or about.get("generation") or ""
    return RemoteStat(size, _nanoseconds(changed), mark.strip('"'))


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _nanoseconds(text: str) -> int:
    try:
        moment = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return 0  # the checksum says what matters
    return int(moment.timestamp() * 1e6) * 1000


def filesystem(path: Address) -> Any:
    """Returns Arrow's file system of the store that an address is in."""
    asked = os.environ.get
    if path.scheme == "gs":
        return _google(os.getpid(), asked("STORAGE_EMULATOR_HOST", "").removeprefix("http://"))
    endpoint = asked("AWS_ENDPOINT_URL_S3") or asked("AWS_ENDPOINT_URL") or ""
    region = asked("AWS_REGION") or asked("AWS_DEFAULT_REGION") or ("us-east-1" if endpoint else "")
    bucket = "" if region else path.inner.split("/", 1)[0]
    return _amazon(os.getpid(), endpoint, region, bucket)


@lru_cache(maxsize=8)
def _google(process: int, emulator: str) -> Any:
    """Makes the client of Google Cloud Storage, once for each process."""
    from pyarrow import fs

    patience = datetime.timedelta(seconds=30)
    if not emulator:
        return fs.GcsFileSystem(retry_time_limit=patience)
    return fs.GcsFileSystem(
        anonymous=True, endpoint_override=emulator, scheme="http", retry_time_limit=patience
    )


@lru_cache(maxsize=8)
def _amazon(process: int, endpoint: str, region: str, bucket: str) -> Any:
    """Makes the client of S3, once for each process and setting; ``bucket`` is asked for its region."""
    from pyarrow import fs

    options: dict[str, Any] = {"connect_timeout": 10, "request_timeout": 60}
    options["retry_strategy"] = fs.AwsStandardS3RetryStrategy(max_attempts=1)  # we retry ourselves
    if endpoint:
        parts = urlsplit(endpoint)
        options |= {"endpoint_override": parts.netloc, "scheme": parts.scheme}
    return fs.S3FileSystem(region=region or fs.resolve_s3_region(bucket), **options)

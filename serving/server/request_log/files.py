"""The request log's files: written under a hidden name, published by a rename once full or old enough."""

from __future__ import annotations

import errno
import io
import os
import time
from pathlib import Path
from typing import Final

from foundation.tfrecord import framed

MAX_BYTES: Final = 64 * 1024 * 1024
"""A file is published once it has this many bytes."""
MAX_RECORDS: Final = 1000
"""A file is published once it has this many records; TF Serving accepts no more for a warmup."""
MAX_SECONDS: Final = 60.0
"""A file is published once it is this old."""


class RotatingFile:
    """Writes records to one file after another: ``PREFIX-<UTC time>-<process>-<number>.tfrecord``.

    Args:
        prefix: Directory and start of the file names.
        max_bytes: The size at which a file is published.
        max_records: The number of records at which a file is published.
        max_seconds: The age at which a file is published.
    """

    def __init__(
        self,
        prefix: str,
        max_bytes: int = MAX_BYTES,
        max_records: int = MAX_RECORDS,
        max_seconds: float = MAX_SECONDS,
    ) -> None:
        self._prefix = Path(prefix)
        self._limits = (max_bytes, max_records, max_seconds)
        self._file: io.FileIO | None = None
        self._paths = (self._prefix, self._prefix)
        self._bytes = self._records = self._number = 0
        self._began = 0.0

    def write(self, record: bytes) -> None:
        """Appends a record.

        Raises:
            OSError: It could not be written; earlier records stay readable.
        """
        file = self._file or self._open()
        start = self._bytes
        content = framed(record)
        try:
            _write_all(file, content)
        except OSError:
            self._cut_back(file, start)
            raise
        self._bytes += len(content)
        self._records += 1
        if self._bytes >= self._limits[0] or self._records >= self._limits[1]:
            self.publish()

    def publish_if_old(self) -> None:
        """Publishes the file if it is old enough."""
        if self._file is not None and time.monotonic() - self._began >= self._limits[2]:
            self.publish()

    def publish(self) -> None:
        """Gives the file its final name, if it holds anything; the next record starts a new one."""
        file, self._file = self._file, None
        if file is None:
            return
        hidden, final = self._paths
        with file:
            os.fsync(file.fileno())
        if self._records:
            os.replace(hidden, final)
        else:
            os.unlink(hidden)

    def _open(self) -> io.FileIO:
        directory = self._prefix.parent
        directory.mkdir(parents=True, exist_ok=True)
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        self._number += 1
        name = f"{self._prefix.name}-{stamp}-{os.getpid()}-{self._number:05d}.tfrecord"
        self._paths = (directory / f".{name}.part", directory / name)
        self._bytes = self._records = 0
        self._began = time.monotonic()
        self._file = io.FileIO(self._paths[0], "x", opener=_for_few)
        return self._file

    def _cut_back(self, file: io.FileIO, size: int) -> None:
        """Removes the start of a record that did not fit."""
        try:
            file.truncate(size)
            file.seek(size)
        except OSError:
            # The file's end is now unknown: abandon it and never publish it.
            self._file = None
            file.close()


def _for_few(path: str, flags: int) -> int:
    """Opens a file with restricted access, because it holds client data."""
    return os.open(path, flags, 0o640)


def _write_all(file: io.FileIO, content: bytes) -> None:
    """Writes everything or fails; a full disk may accept part of it first."""
    rest = memoryview(content)
    while rest:
        written = file.write(rest)
        if not written:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        rest = rest[written:]

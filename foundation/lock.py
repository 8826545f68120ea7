"""One holder of a file at a time, among all processes of a machine: an advisory lock that dies with its process."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from foundation.errors import PenstockError
from foundation.publish import storage_error


@contextlib.contextmanager
def locked(
    file: Path,
    busy: Callable[[], PenstockError] | None = None,
    mode: int = 0o644,
    shared: bool = False,
) -> Iterator[int]:
    """Holds a lock file, which is created if missing and never removed.

    The kernel releases the lock however the process ends, so a killed one never leaves it behind.

    Args:
        file: The lock file; its folder is created if missing.
        busy: Makes the error to raise when another process holds the lock; None waits for that process.
        mode: Permissions of a new lock file.
        shared: Whether others that hold it shared may hold it too.

    Yields:
        The descriptor of the open file.

    Raises:
        PenstockError: What ``busy`` made.
        StorageError: The file cannot be made or locked.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(file, os.O_RDWR | os.O_CREAT, mode)
    except OSError as error:
        raise storage_error(file, error) from error
    try:
        _take(handle, file, busy, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield handle
    finally:
        os.close(handle)


def _take(handle: int, file: Path, busy: Callable[[], PenstockError] | None, kind: int) -> None:
    try:
        fcntl.flock(handle, kind if busy is None else kind | fcntl.LOCK_NB)
    except OSError as error:
        if busy is not None and error.errno in (errno.EAGAIN, errno.EACCES):
            raise busy() from error
        raise storage_error(file, error) from error

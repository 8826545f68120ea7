"""One run at a time per pipeline root: an advisory lock that dies with its process."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from foundation.errors import LockedError
from foundation.publish import storage_error


@contextlib.contextmanager
def held(root: Path, run: str) -> Iterator[None]:
    """Holds the lock of a pipeline root.

    The kernel releases it when the process ends in whatever way, so a killed run never leaves it behind.

    Raises:
        LockedError: Another process holds it.
        StorageError: The root cannot be written.
    """
    file = root / "lock"
    try:
        root.mkdir(parents=True, exist_ok=True)
        handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise storage_error(file, error) from error
    try:
        _take(handle, file)
        holder = {"pid": os.getpid(), "host": socket.gethostname(), "run": run, "since": time.time()}
        os.ftruncate(handle, 0)
        os.pwrite(handle, json.dumps(holder).encode(), 0)
        try:
            yield
        finally:
            os.ftruncate(handle, 0)
    finally:
        os.close(handle)


def _take(handle: int, file: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.EAGAIN, errno.EACCES):
            raise storage_error(file, error) from error
        raise LockedError(
            f"pipeline root {file.parent}",
            expected="no other run at the same time",
            seen=_holder(file),
            remedy="wait for it, end it, or give this document another root",
        ) from error


def _holder(file: Path) -> str:
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
        minutes = (time.time() - value["since"]) / 60
        return f"run {value['run']}, process {value['pid']} on {value['host']}, for {minutes:.0f} min"
    except (OSError, ValueError, KeyError):
        return "another process"

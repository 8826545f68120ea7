"""An open file of the log: an Arrow stream, which can be read up to where a killed process cut it."""

from __future__ import annotations

import contextlib
import datetime
import errno
import fcntl
import os
import secrets
import socket
import time
from pathlib import Path
from typing import Any, Final

SUFFIX: Final = ".arrows"
"""Of open files; their names begin with a dot, so that no reader of Parquet takes them for one."""

UNLOCKED: Final = ".new"
"""Behind that, while a process begins the file."""


class Stream:
    """A file that record batches are appended to; each is handed to the kernel at once, so that it survives ``kill -9``.

    The process holds a lock on the file while it writes, which dies with it: whoever gets the lock may finish the file.

    Args:
        folder: The folder of the experiment and day; made if missing.
        schema: The Arrow schema of all batches.

    Raises:
        OSError: The file cannot be made, or the disk is full.
    """

    def __init__(self, folder: Path, schema: Any) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        host = "".join(c if c.isalnum() else "-" for c in socket.gethostname())[:40]
        stamp = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        self.path = folder / f".{stamp}-{host}-{os.getpid()}-{secrets.token_hex(3)}{SUFFIX}"
        self.schema = schema
        self.rows = 0
        self.began = time.monotonic()
        # Under another name until it is locked: nobody takes it for one that was left.
        unlocked = self.path.with_name(self.path.name + UNLOCKED)
        self.handle = os.open(unlocked, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(self.handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            unlocked.rename(self.path)
            self.bytes = 0
            self._append(schema.serialize())
        except OSError:
            unlocked.unlink(missing_ok=True)
            self.discard()
            raise

    def write(self, batch: Any) -> None:
        """Appends a record batch whole, or nothing of it.

        Raises:
            OSError: It could not be written, such as on a full disk; what was written before stays readable.
        """
        self._append(batch.serialize())
        self.rows += batch.num_rows

    def _append(self, content: Any) -> None:
        rest = memoryview(content)
        try:
            while rest:
                written = os.write(self.handle, rest)
                if not written:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                rest = rest[written:]
        except OSError:
            # Without this, what follows the half batch could not be read. If it fails, so does the next write.
            with contextlib.suppress(OSError):
                os.ftruncate(self.handle, self.bytes)
                os.lseek(self.handle, self.bytes, os.SEEK_SET)
            raise
        self.bytes += len(content)

    def discard(self) -> None:
        """Removes the file."""
        with contextlib.suppress(OSError):
            self.path.unlink()
        os.close(self.handle)


def take_over(path: Path) -> int | None:
    """Returns a locked descriptor of a file whose process is gone; None if there is none or it is written to."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Whoever finished it in the meantime has removed it.
        if os.stat(path).st_ino == os.fstat(handle).st_ino:
            return handle
    except OSError:
        pass
    os.close(handle)
    return None

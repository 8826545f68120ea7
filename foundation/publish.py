"""Publishing files and folders so that nobody ever sees a half-written one: temporary name, then rename.

Only the owner can read them before that, and what a killed process left is removed when the same name is published.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from foundation import temporaries
from foundation.errors import StorageError

_PASSING = frozenset(
    {
        errno.EAGAIN,
        errno.EBUSY,
        errno.EDQUOT,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.EINTR,
        errno.EIO,
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOMEM,
        errno.ENOSPC,
        errno.ESTALE,
        errno.ETIMEDOUT,
    }
)
"""What may be over when it is tried again: a disk that was full or did not answer, a machine that was short of something."""


@contextlib.contextmanager
def published_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yields a temporary path beside ``path`` and renames it to ``path`` when the block succeeds.

    Args:
        path: Where the finished file goes; its folder is created if missing.

    Yields:
        The temporary path to write to.

    Raises:
        StorageError: The folder cannot be made or written, or the disk is full.
    """
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporaries.sweep(target.parent, target.name)
        temporary = temporaries.make_file(target.parent, target.name)
    except OSError as error:
        raise storage_error(target, error) from error
    try:
        yield temporary.path
        temporary.publish(target)
    except OSError as error:
        raise storage_error(target, error) from error
    finally:
        temporary.discard()


@contextlib.contextmanager
def published_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yields a temporary folder beside ``path`` and renames it to ``path`` when the block succeeds.

    Args:
        path: Where the finished folder goes; it must not exist yet.

    Yields:
        The temporary folder to fill.

    Raises:
        StorageError: The folder cannot be made or written, the disk is full, or ``path`` exists.
    """
    target = Path(path)
    try:
        temporaries.sweep(target.parent, target.name)
        temporary = temporaries.make_folder(target.parent, target.name)
    except OSError as error:
        raise storage_error(target, error) from error
    try:
        yield temporary.path
        if target.exists():
            raise StorageError(
                f"{target}", expected="a path that does not exist yet", seen="a folder that does"
            )
        temporary.publish(target)
    except OSError as error:
        raise storage_error(target, error) from error
    finally:
        temporary.discard()


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Writes ``text`` as UTF-8 to ``path`` by temporary name and rename."""
    with published_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def require_folder(path: Path, subject: str, remedy: str, may_be_new: bool = False) -> None:
    """Refuses a path that is to be a folder and is none.

    Args:
        path: The path.
        subject: What it is, for the message.
        remedy: What to do about it.
        may_be_new: Whether it need not exist yet.

    Raises:
        StorageError: It is something else, or is missing and must not be.
    """
    # Not ``Path.is_dir``, which raises where a folder above may not be entered: whoever writes there tells that better.
    if os.path.isdir(path) or (may_be_new and not os.path.exists(path)):
        return
    seen = "a file" if os.path.exists(path) else "nothing there"
    raise StorageError(f"{subject} {path}", expected="a folder", seen=seen, remedy=remedy)


def storage_error(path: str | os.PathLike[str], error: OSError) -> StorageError:
    """Turns an ``OSError`` into the project's error with the remedy that fits its cause."""
    remedies = {
        errno.ENOSPC: "free space on that disk or name another path, then run again",
        errno.EDQUOT: "free space within the quota or name another path, then run again",
        errno.EFBIG: "raise the limit of file sizes (ulimit -f), then run again",
        errno.EACCES: "give this user write permission or name another path",
        errno.EPERM: "give this user write permission or name another path",
        errno.EROFS: "the file system is read-only; name another path",
        errno.ENOENT: "check the path",
    }
    remedy = remedies.get(error.errno or 0, "check the path and the disk")
    found = StorageError(
        f"{path}", expected="a readable or writable path", seen=error.strerror or str(error), remedy=remedy
    )
    return found.passing(error.errno in _PASSING)

"""Temporary files and folders that hold documents: private, and removed even where their process was killed.

Each is called ``.<name>.<8 hex digits>.tmp`` and locked by the process that uses it. The kernel releases the lock
however the process ends, so whatever can be locked by somebody else was left behind, and ``sweep`` removes it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import stat
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

SPILLED_ROWS = "penstock-rows"
"""Name of the folder, in the system's temporary folder, of rows that are too many for memory."""
UPLOADED = "penstock-upload"
"""Name of the folder there of a file that is written before it is copied to a store."""
_NAME = re.compile(r"\.(?P<name>.+)\.[0-9a-f]{8}\.tmp", re.DOTALL)
_LOCK = ".lock"
"""A folder is locked by this file in it: network file systems lock files only."""
_NO_LINK = os.O_NOFOLLOW | os.O_CLOEXEC


def temporary_name(name: str) -> str:
    """Returns a new name that no export pattern matches and ``sweep`` knows."""
    return f".{name}.{uuid.uuid4().hex[:8]}.tmp"


def is_temporary(name: str) -> bool:
    """Returns whether a name is one of those that ``temporary_name`` gives."""
    return bool(_NAME.fullmatch(name))


def open_private(file: Path) -> IO[bytes]:
    """Opens a new file that only its owner can read, for writing.

    Raises:
        OSError: It exists, or cannot be made.
    """
    return os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_LINK, 0o600), "wb", 2**16)


@dataclass(frozen=True)
class Temporary:
    """A temporary file or folder that this process holds.

    Attributes:
        path: Where it is.
    """

    path: Path
    _handle: int
    _mode: int
    """Permissions that it would have had by the process's umask."""

    def share(self) -> None:
        """Gives it the permissions that it would have had by the process's umask.

        Raises:
            OSError: It is not ours, or gone.
        """
        self.path.chmod(self._mode)

    def publish(self, target: Path) -> None:
        """Gives it the usual permissions and its name, replacing a file of that name.

        Raises:
            OSError: It cannot be renamed.
        """
        self.share()
        (self.path / _LOCK).unlink(missing_ok=True) if self.path.is_dir() else None
        os.replace(self.path, target)

    def discard(self) -> None:
        """Removes it, unless it was published, and lets go of it."""
        if self.path.is_dir():
            shutil.rmtree(self.path, ignore_errors=True)
        else:
            with contextlib.suppress(NotADirectoryError):
                self.path.unlink(missing_ok=True)
        os.close(self._handle)


def make_folder(parent: Path, name: str) -> Temporary:
    """Makes a folder that only its owner can enter.

    Raises:
        OSError: It cannot be made.
    """
    while True:
        folder = parent / temporary_name(name)
        folder.mkdir(parents=True)
        mode = stat.S_IMODE(folder.stat().st_mode)
        with contextlib.suppress(FileNotFoundError):  # swept before it was locked: take another name
            folder.chmod(0o700)
            handle, _ = _locked(folder / _LOCK)
            if handle is not None:
                return Temporary(folder, handle, mode)


def make_file(parent: Path, name: str) -> Temporary:
    """Makes an empty file that only its owner can read.

    Raises:
        OSError: It cannot be made.
    """
    while True:
        file = parent / temporary_name(name)
        handle, mode = _locked(file)
        if handle is not None:
            return Temporary(file, handle, mode)


@contextlib.contextmanager
def private_folder(parent: Path, name: str) -> Iterator[Path]:
    """Yields a new folder that only its owner can enter, and removes it afterwards.

    Raises:
        OSError: It cannot be made.
    """
    folder = make_folder(parent, name)
    try:
        yield folder.path
    finally:
        folder.discard()


def _locked(file: Path) -> tuple[int | None, int]:
    """Makes a private file and locks it.

    Returns:
        Its descriptor, None where it was swept before it was locked; and the permissions that the umask would give it.
    """
    handle = os.open(file, os.O_RDWR | os.O_CREAT | _NO_LINK, 0o666)
    mode = stat.S_IMODE(os.fstat(handle).st_mode)
    os.fchmod(handle, 0o600)
    with contextlib.suppress(OSError):  # a file system without locks: nobody can lock it, so nobody sweeps it
        fcntl.flock(handle, fcntl.LOCK_EX)
    with contextlib.suppress(FileNotFoundError):
        if os.stat(file).st_ino == os.fstat(handle).st_ino:
            return handle, mode
    os.close(handle)
    return None, mode


def leftovers(parent: Path, name: str | None = None) -> list[Path]:
    """Returns the temporaries in a folder that no living process uses.

    Args:
        parent: The folder.
        name: The name that they were made for; None: any.
    """
    return [entry for entry in _ours(parent, name) if _abandoned(entry, remove=False)]


def sweep(parent: Path, name: str | None = None) -> list[Path]:
    """Removes the temporaries in a folder that no living process uses; returns what was removed."""
    return [entry for entry in _ours(parent, name) if _abandoned(entry, remove=True)]


def _ours(parent: Path, name: str | None) -> list[Path]:
    found = []
    with (
        contextlib.suppress(FileNotFoundError, NotADirectoryError, PermissionError),
        os.scandir(parent) as all_,
    ):
        for entry in all_:
            match = _NAME.fullmatch(entry.name)
            if match and name in (None, match["name"]):
                found.append(Path(entry.path))
    return sorted(found)


def _abandoned(entry: Path, remove: bool) -> bool:
    """Returns whether a temporary can be locked, so is used by nobody, and removes it while it is locked."""
    try:
        about = entry.lstat()
        if about.st_uid != os.geteuid() or stat.S_ISLNK(about.st_mode):
            return False
        folder = stat.S_ISDIR(about.st_mode)
        handle = os.open(
            entry / _LOCK if folder else entry, os.O_RDWR | _NO_LINK | (os.O_CREAT if folder else 0), 0o600
        )
    except OSError:
        return False  # gone by now, or not ours to remove
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if remove:
            shutil.rmtree(entry, ignore_errors=True) if folder else entry.unlink(missing_ok=True)
        return True
    except OSError:
        return False
    finally:
        os.close(handle)

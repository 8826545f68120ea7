"""Where zygotes are: sockets and locks in a folder of the user's own, one name per environment and state of it."""

from __future__ import annotations

import fcntl
import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

_LONGEST = 107
"""Bytes that the path of a socket may have on Linux."""


class NoZygoteError(Exception):
    """There is no zygote, or it does not do what it was asked; the text is the reason. A plain worker does it then."""


class NobodyListensError(NoZygoteError):
    """No process is at the other end, or none any more."""


def runtime_folder() -> Path:
    """Returns the folder for sockets, which only the user can enter; it is made if missing.

    Raises:
        NoZygoteError: It is another user's, or cannot be made.
    """
    base = os.environ.get("XDG_RUNTIME_DIR", "")
    # After ``su`` it may be another user's; without a session it may name what is not there.
    ours = os.path.isdir(base) and os.stat(base).st_uid == os.geteuid()
    folder = Path(base) / "penstock" if ours else Path(tempfile.gettempdir()) / f"penstock-{os.geteuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        about = folder.lstat()
    except OSError as error:
        raise NoZygoteError(f"no folder for its socket: {error}") from error
    if about.st_uid != os.geteuid() or not stat.S_ISDIR(about.st_mode) or stat.S_IMODE(about.st_mode) & 0o077:
        raise NoZygoteError(f"{folder} is not a folder of this user's alone")
    return folder


@dataclass(frozen=True)
class Place:
    """The files of one zygote.

    Attributes:
        folder: The folder of them.
        environment: Digest of the environment's path.
        state: Digest of what the zygote was made from: code, packages and variables.
    """

    folder: Path
    environment: str
    state: str

    @property
    def socket(self) -> Path:
        """Where it listens.

        Raises:
            NoZygoteError: The path is too long for a socket.
        """
        path = self.folder / f"{self.environment}-{self.state}.sock"
        if len(os.fsencode(path)) > _LONGEST:
            raise NoZygoteError(f"the path of its socket would be too long: {path}")
        return path

    @property
    def lock(self) -> Path:
        """Locked as long as it lives; holds its process id."""
        return self.folder / f"{self.environment}-{self.state}.lock"

    @property
    def log(self) -> Path:
        """What it has printed."""
        return self.folder / f"{self.environment}-{self.state}.log"

    def claim(self) -> int | None:
        """Returns the descriptor of the lock file, locked for whoever inherits it, or None where somebody holds it.

        Raises:
            NoZygoteError: It cannot be made or locked.
        """
        while True:
            try:
                handle = os.open(self.lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            except OSError as error:
                raise NoZygoteError(f"its lock cannot be made: {error}") from error
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.stat(self.lock).st_ino == os.fstat(handle).st_ino:
                    return handle
            except BlockingIOError:
                os.close(handle)
                return None
            except FileNotFoundError:
                pass  # an ending zygote has removed it in between
            except OSError as error:
                os.close(handle)
                raise NoZygoteError(f"its lock cannot be taken: {error}") from error
            os.close(handle)

    def holder(self) -> int | None:
        """Returns the process id of the zygote that lives here, None if there is none."""
        handle = self.claim()
        if handle is not None:
            os.close(handle)
            return None
        text = self.lock.read_text(encoding="ascii").strip()
        return int(text) if text.isdigit() else None

    def clear(self) -> None:
        """Removes its files."""
        for file in (self.socket, self.lock, self.log):
            file.unlink(missing_ok=True)


def places(folder: Path, environment: str) -> list[Place]:
    """Returns the places of an environment that have been used, by any state of it."""
    found = sorted(folder.glob(f"{environment}-*.lock"))
    return [Place(folder, environment, file.stem.partition("-")[2]) for file in found]

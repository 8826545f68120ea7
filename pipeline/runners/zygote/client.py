"""Finding the zygote of this environment, starting it where there is none, and ending it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pipeline.runners.zygote import fingerprint
from pipeline.runners.zygote.connect import ask, connect
from pipeline.runners.zygote.forked import READY_SECONDS, Forked
from pipeline.runners.zygote.place import (
    NobodyListensError,
    NoZygoteError,
    Place,
    places,
    runtime_folder,
)
from pipeline.runners.zygote.protocol import Fork

START_SECONDS = 180.0
"""Seconds within which a zygote must have imported everything; a machine under load takes 40."""
IDLE_SECONDS = 15 * 60.0
"""Seconds without work after which it ends."""
CHANGES_SECONDS = 30.0
"""Seconds between two looks of it whether code or packages have changed."""
SUPERSEDED_SECONDS = 60.0
"""The same for one that a newer one of the same environment replaces; a run that uses it may go on."""

_BOOT = "import sys; sys.path[:] = {path!r}; from pipeline.runners.zygote.server import main; sys.exit(main({settings!r}))"
_LOOKS_EVERY = 0.05


@dataclass(frozen=True)
class Zygote:
    """A zygote that listens.

    Attributes:
        place: Where it is.
    """

    place: Place

    def fork(self, fork: Fork, descriptors: Sequence[int], seconds: float = READY_SECONDS) -> Forked:
        """Has a process made, see ``Forked``.

        Raises:
            NoZygoteError: It is not made.
        """
        return Forked(connect(self.place.socket), fork, descriptors, seconds)


@dataclass(frozen=True)
class Standing:
    """A zygote as ``penstock status`` shows it.

    Attributes:
        place: Where it is.
        pid: Its process id.
        seconds: Seconds since it was last used.
        processes: How many processes it has running.
        memory: Its share of memory in bytes, None if unknown.
        trouble: Why it does not answer, empty if it does.
    """

    place: Place
    pid: int
    seconds: float = 0.0
    processes: int = 0
    memory: int | None = None
    trouble: str = ""

    def __str__(self) -> str:
        """The line of ``penstock status``."""
        if self.trouble:
            return f"process {self.pid}, {self.trouble}"
        size = f", {self.memory / 2**20:,.0f} MiB" if self.memory is not None else ""
        work = f"{self.processes} forked" if self.processes else f"idle for {self.seconds:,.0f} s"
        return f"process {self.pid}, {work}{size}"

    def end(self) -> str:
        """Ends it, after the processes that it has forked; one that does not answer at once.

        Returns:
            What was done.
        """
        try:
            told = ask(self.place.socket, {"leave": 0})
        except (NoZygoteError, TimeoutError):
            _kill(self.place)
            return "ended, as it did not answer"
        return f"ends after the {told['processes']} that it forked" if told["processes"] else "ended"


def obtain(preload: Sequence[str], idle: float = IDLE_SECONDS, seconds: float = START_SECONDS) -> Zygote:
    """Returns the zygote for what is installed now; where there is none, it is started and waited for.

    Args:
        preload: Modules that it imports.
        idle: Seconds without work after which a new one ends.
        seconds: Time limit for a new one to have imported everything.

    Raises:
        NoZygoteError: There is none, and none could be started.
    """
    place, settings = _wanted(preload, idle)
    until, started = time.monotonic() + seconds, False
    while not _listens(place):
        lock = place.claim()
        if lock is not None:
            if started:
                os.close(lock)
                raise NoZygoteError(f"it ended as it started; it said: {_said(place)}")
            started = True
            _spawn(place, settings, lock)
        elif time.monotonic() > until:
            _kill(place)
            raise NoZygoteError(f"it was not ready within {seconds:g} s")
        time.sleep(_LOOKS_EVERY)
    return Zygote(place)


def begin(preload: Sequence[str], idle: float = IDLE_SECONDS) -> None:
    """Starts what ``obtain`` will return, if it is not there, without waiting for it.

    Raises:
        NoZygoteError: It cannot be started.
    """
    place, settings = _wanted(preload, idle)
    lock = place.claim()
    if lock is not None:
        _spawn(place, settings, lock)


def _wanted(preload: Sequence[str], idle: float) -> tuple[Place, dict[str, object]]:
    """Returns where the zygote for what is installed now is, and what it is started with."""
    search = fingerprint.search_path()
    try:
        state = fingerprint.state_digest(preload, search, os.environ)
    except OSError as error:
        raise NoZygoteError(f"code or packages are being changed: {error}") from error
    place = Place(runtime_folder(), fingerprint.environment_digest(), state)
    settings = {"state": state, "preload": list(preload), "search": search}
    return place, {**settings, "idle": idle, "looks": CHANGES_SECONDS}


def _listens(place: Place) -> bool:
    """Returns whether a zygote answers at a place.

    Raises:
        NoZygoteError: One is there that cannot be used.
    """
    if not place.socket.exists():
        return False
    try:
        status = ask(place.socket, {"status": True})
    except TimeoutError as error:
        _kill(place)
        raise NoZygoteError("it did not answer, and was ended") from error
    except NobodyListensError:
        return False  # a leftover of one that was killed, or one that is just beginning or ending
    if status.get("ends"):
        raise NoZygoteError("it is about to end")
    return True


def _spawn(place: Place, settings: dict[str, object], lock: int) -> None:
    """Starts a zygote, which inherits the lock; it is nobody's child, so that it outlives this process."""
    _supersede(place)
    boot = _BOOT.format(path=settings["search"], settings=json.dumps({**settings, "lock": lock}))
    try:
        with place.log.open("wb") as log:
            place.log.chmod(0o600)
            subprocess.run(
                [sys.executable, "-I", "-c", boot],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env={"TF_CPP_MIN_LOG_LEVEL": "2", **fingerprint.kept(os.environ)},
                pass_fds=(lock,),
                start_new_session=True,
                check=True,
            )
    except (OSError, subprocess.SubprocessError) as error:
        raise NoZygoteError(f"it cannot be started: {error}") from error
    finally:
        os.close(lock)


def _said(place: Place) -> str:
    with suppress(OSError):
        lines = place.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1][:300] if lines else "nothing"
    return "nothing"


def _supersede(place: Place) -> None:
    for other in places(place.folder, place.environment):
        if other != place:
            with suppress(NoZygoteError, TimeoutError):
                ask(other.socket, {"leave": SUPERSEDED_SECONDS})
    _clear_dead(place)


def _clear_dead(place: Place) -> None:
    for other in places(place.folder, place.environment):
        lock = other.claim() if other != place else None
        if lock is not None:
            other.clear()
            os.close(lock)


def standing() -> list[Standing]:
    """Returns the zygotes of this environment, of whatever state."""
    try:
        folder = runtime_folder()
    except NoZygoteError:
        return []
    found = []
    for place in places(folder, fingerprint.environment_digest()):
        if pid := place.holder():
            found.append(_standing(place, pid))
    return found


def _standing(place: Place, pid: int) -> Standing:
    try:
        told = ask(place.socket, {"status": True})
    except NobodyListensError:
        return Standing(place, pid, trouble="starting")
    except (NoZygoteError, TimeoutError):
        return Standing(place, pid, trouble="does not answer")
    from pipeline.runners.zygote.memory import proportional

    return Standing(place, pid, told["idle"], told["processes"], proportional(pid))


def _kill(place: Place) -> None:
    """Ends a zygote that does not answer; processes forked from it go on."""
    if pid := place.holder():
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
    with suppress(OSError, NoZygoteError):
        Path(place.socket).unlink(missing_ok=True)

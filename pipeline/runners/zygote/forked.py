"""A process that a zygote has forked, as seen by whoever asked for it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from foundation.processes import children
from pipeline.runners.zygote import protocol
from pipeline.runners.zygote.place import NoZygoteError
from pipeline.runners.zygote.protocol import Fork

READY_SECONDS = 10.0
"""Seconds within which a forked process must say that it is ready; it takes 0.05."""
_LOOKS_EVERY = 1.0
_LAST_BREATH = 2.0
"""Seconds that a zygote may take to tell that a process has ended."""
UNKNOWN = 255
"""Exit code of a process whose zygote ended before it."""


class Forked:
    """A forked process; see ``foundation.processes.children.Child``.

    Args:
        connection: A connection to the zygote.
        fork: What to make.
        descriptors: A file for its output, then what is named to it after its arguments.
        seconds: Time limit for it to be ready.

    Raises:
        NoZygoteError: The zygote refuses, is gone, or the process was not ready in time; it is ended then.
    """

    def __init__(
        self,
        connection: socket.socket,
        fork: Fork,
        descriptors: Sequence[int],
        seconds: float = READY_SECONDS,
    ) -> None:
        self._connection = connection
        self._killed = False
        self.returncode: int | None = None
        try:
            self.pid = self._ready(fork, descriptors, seconds)
        except (OSError, ValueError) as error:
            self._connection.close()
            late = isinstance(error, TimeoutError)
            raise NoZygoteError(f"nothing was ready within {seconds:g} s" if late else str(error)) from error
        except NoZygoteError:
            self._connection.close()
            raise

    def _ready(self, fork: Fork, descriptors: Sequence[int], seconds: float) -> int:
        self._connection.settimeout(seconds)
        protocol.send(self._connection, {"fork": fork.as_json()}, descriptors)
        answer, _ = protocol.receive(self._connection)
        if answer is None:
            raise NoZygoteError("it ended while it was asked")
        if "ready" not in answer:
            reason = answer.get("refused") or f"the process ended with exit code {answer.get('exit')}"
            raise NoZygoteError(str(reason))
        return int(answer["ready"])

    def poll(self) -> int | None:
        """Looks whether it has ended; returns its exit code, or None."""
        return self._look(0.0)

    def wait(self, timeout: float | None = None) -> int:
        """Waits for its end and returns its exit code.

        Raises:
            subprocess.TimeoutExpired: It still runs after so many seconds.
        """
        until = float("inf") if timeout is None else time.monotonic() + timeout
        while (code := self._look(min(_LOOKS_EVERY, max(0.0, until - time.monotonic())))) is None:
            if time.monotonic() >= until:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0.0)
            if self._is_gone() and self._look(_LAST_BREATH) is None:  # a zygote that is stuck will not tell
                self._note(None)
        return code

    def _look(self, seconds: float) -> int | None:
        if self.returncode is None:
            self._connection.settimeout(seconds)
            try:
                answer, _ = protocol.receive(self._connection)
            except (BlockingIOError, TimeoutError):
                return None
            except (OSError, ValueError):
                answer = None
            self._note(answer)
        return self.returncode

    def _note(self, answer: dict[str, Any] | None) -> None:
        """Takes note of its end; the process holds the zygote's end of the connection too, so no answer means gone."""
        unknown = -signal.SIGKILL if self._killed else UNKNOWN
        self.returncode = unknown if answer is None else int(answer.get("exit", unknown))
        children.spent(float((answer or {}).get("cpu", 0.0)))
        self._connection.close()

    def _is_gone(self) -> bool:
        try:
            about = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii", errors="replace")
        except OSError:
            return True
        return about.rpartition(")")[2].split()[0] in ("Z", "X")

    def terminate(self) -> None:
        """Asks it to end (SIGTERM)."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """Ends it (SIGKILL)."""
        self._killed = True
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def end(self) -> None:
        """Ends it and all that it started: the zygote and the process itself see that nobody is left."""
        self._connection.close()
        if self.returncode is None:
            self.returncode = -signal.SIGKILL


def fork_like_this(
    target: str,
    arguments: Sequence[str],
    search: Sequence[str],
    folder: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> Fork:
    """Returns what makes a process with this one's surroundings: variables, folder, umask, priority and limits.

    Args:
        target: ``module:function``.
        arguments: What it finds in ``sys.argv``.
        search: Its ``sys.path``.
        folder: Its working directory, if another.
        environment: All of its variables, if others.
    """
    import resource

    limits: dict[str, Any] = {
        name: list(resource.getrlimit(getattr(resource, name)))
        for name in dir(resource)
        if name.startswith("RLIMIT_")
    }
    return Fork(
        target,
        list(arguments),
        dict(os.environ if environment is None else environment),
        folder or os.getcwd(),
        list(search),
        _umask(),
        os.getpriority(os.PRIO_PROCESS, 0),
        sorted(os.sched_getaffinity(0)),
        limits,
    )


def _umask() -> int:
    """Returns this process's umask, without changing it for a moment as ``os.umask`` would: other threads make files."""
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    return next(int(line.split()[1], 8) for line in status.splitlines() if line.startswith("Umask:"))

"""Processes of our own code that a process starts, such as a model server, and that end with it.

Who starts one does not know how it comes to life: by default as a new Python, in a run's workers as whatever the runner
has named with ``use``.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Protocol

from foundation.processes.tether import tethered

# -I ignores the working directory and PYTHON* variables, so a user's folder of one of our names never hides ours.
_BOOT = "import sys; sys.path[:] = {path!r}; from foundation.processes.children import run; sys.exit(run({target!r}, {arguments!r}))"


class Child(Protocol):
    """A process that was started; its methods do what those of ``subprocess.Popen`` do."""

    @property
    def pid(self) -> int:
        """Its process id."""

    @property
    def returncode(self) -> int | None:
        """Its exit code as last seen, negative for a signal; None while it ran."""

    def poll(self) -> int | None:
        """Looks whether it has ended; returns its exit code, or None."""

    def wait(self, timeout: float | None = None) -> int:
        """Waits for its end and returns its exit code.

        Raises:
            subprocess.TimeoutExpired: It still runs after so many seconds.
        """

    def terminate(self) -> None:
        """Asks it to end (SIGTERM)."""

    def kill(self) -> None:
        """Ends it (SIGKILL)."""


class Starter(Protocol):
    """A way to start processes; the arguments are those of ``start``."""

    def __call__(
        self, target: str, arguments: Sequence[str], *, output: Path, environment: Mapping[str, str]
    ) -> Child:
        """Starts a process."""


def start(
    target: str, arguments: Sequence[str], *, output: Path, environment: Mapping[str, str] | None = None
) -> Child:
    """Starts a function of ours as a process, which ends when this process ends.

    Call it in the main thread: on Linux the process ends with the thread that started it.

    Args:
        target: ``module:function``; it is called without arguments and returns the exit code.
        arguments: What it finds in ``sys.argv``, after the program's name.
        output: File for all that it prints; it is emptied first.
        environment: Variables beside those of this process.

    Raises:
        OSError: The file cannot be written, or the process not started.
    """
    return _starter[-1](target, arguments, output=output, environment=environment or {})


def cpu_seconds() -> float:
    """Returns the CPU seconds of this process so far, and of what it has started and seen the end of."""
    mine = os.times()
    return mine.user + mine.system + mine.children_user + mine.children_system + sum(_elsewhere)


def spent(seconds: float) -> None:
    """Takes note of the CPU seconds of a process that was started for this one and is another's child."""
    _elsewhere.append(seconds)


def use(starter: Starter) -> None:
    """Has ``start`` start processes in another way from now on, in this process."""
    _starter.append(starter)


def start_python(
    target: str, arguments: Sequence[str], *, output: Path, environment: Mapping[str, str]
) -> Child:
    """Starts a function as a new Python, see ``start``."""
    path = [p for p in sys.path if p]
    boot = _BOOT.format(path=path, target=target, arguments=list(arguments))
    with output.open("wb") as file:
        return subprocess.Popen(
            tethered([sys.executable, "-I", "-c", boot], signal.SIGKILL),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            env={**os.environ, **environment},
        )


_starter: list[Starter] = [start_python]
_elsewhere: list[float] = []


def run(target: str, arguments: Sequence[str]) -> int:
    """Calls a function as the program of this process and returns its exit code.

    Args:
        target: ``module:function``.
        arguments: What it finds in ``sys.argv``, after the program's name.
    """
    module, _, function = target.partition(":")
    sys.argv = [target, *arguments]
    code = getattr(import_module(module), function)()
    return int(code or 0)

"""Runs a server in the foreground; when this process is told to stop, the server gets SIGTERM and drains."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from foundation.errors import PenstockError
from foundation.processes.tether import tethered

_LOOKS_EVERY = 0.1
_QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3"}
"""Hides TensorFlow's messages about the machine; problems with a model are errors."""


@dataclass
class _Stopping:
    """How often the user has asked to stop."""

    asked: int = 0


def supervise(command: list[str], is_ready: Callable[[], bool], announce: Callable[[], None]) -> None:
    """Runs a server until it exits or is told to stop.

    Args:
        command: Its command line; the program is a path.
        is_ready: Returns whether it answers.
        announce: Called once when it does.

    Raises:
        PenstockError: It exited by itself.
    """
    # In its own session: Ctrl-C reaches only us and is passed on as the one signal that every engine drains on.
    process = subprocess.Popen(
        tethered(command, signal.SIGTERM),
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        env={**_QUIET, **os.environ},
    )
    with _handed_on(process) as stopping:
        while process.poll() is None and not stopping.asked and not is_ready():
            time.sleep(_LOOKS_EVERY)
        if process.poll() is None and not stopping.asked:
            announce()
        code = process.wait()
    if not stopping.asked:
        raise PenstockError(
            "the server",
            expected="to run until it is told to stop",
            seen=f"exit code {code}; see its messages above",
        )


@contextlib.contextmanager
def _handed_on(process: subprocess.Popen[bytes]) -> Iterator[_Stopping]:
    """Passes SIGINT and SIGTERM on: the first as SIGTERM, the second as SIGKILL. Handlers are restored afterwards."""
    stopping = _Stopping()

    def stop(*_: object) -> None:
        stopping.asked += 1
        process.send_signal(signal.SIGTERM if stopping.asked == 1 else signal.SIGKILL)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopping
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if process.poll() is None:
            process.kill()
            process.wait()

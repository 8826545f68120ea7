"""The signals by which a scheduler ends a node: an exception in the main thread, and never two."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

_ENDING = (signal.SIGTERM, signal.SIGINT)


class Terminated(BaseException):
    """This process has been asked to end.

    Args:
        number: The signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(f"ended by {signal.Signals(number).name}; the same command takes it up again")
        self.code = 128 + number


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Terminated(number)


def listen() -> None:
    """Has the signals that end a process raise ``Terminated`` from now on."""
    for one in _ENDING:
        signal.signal(one, _terminate)


@contextlib.contextmanager
def heard(*numbers: signal.Signals) -> Iterator[None]:
    """Has signals raise ``Terminated`` within the block; in a thread that hears none, nothing changes.

    Args:
        numbers: The signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = [signal.signal(one, _terminate) for one in numbers]
    try:
        yield
    finally:
        for one, handler in zip(numbers, before, strict=True):
            signal.signal(one, handler)


@contextlib.contextmanager
def deaf() -> Iterator[None]:
    """Ignores those signals within the block: what is being closed or published is not interrupted."""
    before = [signal.signal(one, signal.SIG_IGN) for one in _ENDING]
    try:
        yield
    finally:
        for one, handler in zip(_ENDING, before, strict=True):
            signal.signal(one, handler)

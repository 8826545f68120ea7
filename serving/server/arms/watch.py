"""Time limits of arms, looked at together a few times a second: a timer for each request costs more than the rest."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Final, TypeVar

_T = TypeVar("_T")
_LOOK_SECONDS: Final = 0.25


class _Entry:
    """A task that may not take longer than until its end."""

    __slots__ = ("end", "expired", "task")

    def __init__(self, task: asyncio.Task[object], end: float) -> None:
        self.task = task
        self.end = end
        self.expired = False


class Watch:
    """Ends what takes too long."""

    def __init__(self) -> None:
        self._entries: set[_Entry] = set()
        self._timer: asyncio.TimerHandle | None = None

    async def within(self, seconds: float | None, work: Awaitable[_T]) -> _T:
        """Waits for some work.

        Args:
            seconds: How long, to a quarter of a second; None means as long as it takes.
            work: The work.

        Raises:
            TimeoutError: It took too long; it was cancelled.
        """
        if seconds is None:
            return await work
        task = asyncio.current_task()
        assert task is not None
        loop = task.get_loop()
        entry = _Entry(task, loop.time() + seconds)
        self._entries.add(entry)
        if self._timer is None:
            self._timer = loop.call_later(_LOOK_SECONDS, self._look, loop)
        try:
            return await work
        except asyncio.CancelledError:
            # Others cancel it too: its client has left, or the server stops.
            if entry.expired and not task.uncancel():
                raise TimeoutError from None
            raise
        finally:
            self._entries.discard(entry)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        self._timer = loop.call_later(_LOOK_SECONDS, self._look, loop) if self._entries else None
        for entry in list(self._entries):
            if now > entry.end and not entry.expired:
                entry.expired = True
                entry.task.cancel()

"""How a server is told to stop: the first SIGTERM or SIGINT drains it, the second stops it at once.

Before the ports are open there is nothing to drain, and the first one stops it at once too.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Callable, Coroutine
from types import FrameType

log = logging.getLogger(__name__)
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Ending:
    """The request to stop; used on the event loop.

    Args:
        drain_seconds: How long requests in flight may take, for the log.
        at_once: What else to call when the server stops at once.
    """

    def __init__(self, drain_seconds: float, at_once: Callable[[], None] = lambda: None) -> None:
        self._drain_seconds = drain_seconds
        self._at_once = at_once
        self._event = asyncio.Event()
        self._signalled = False
        self._serving = False

    def listen(self) -> None:
        """Handles the process's signals from now on."""
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            try:
                loop.add_signal_handler(number, self._take, number)
            except NotImplementedError:  # Windows

                def handler(received: int, _: FrameType | None) -> None:
                    loop.call_soon_threadsafe(self._take, received)

                signal.signal(number, handler)

    def serving(self) -> None:
        """Notes that requests may be in flight from now on."""
        self._serving = True

    def begin(self) -> None:
        """Stops the server as a signal would."""
        self._event.set()

    @property
    def begun(self) -> bool:
        """Whether the server has been told to stop."""
        return self._event.is_set()

    async def wait(self) -> None:
        """Waits until the server is told to stop."""
        await self._event.wait()

    async def unless(self, work: Coroutine[None, None, None]) -> bool:
        """Waits for some work; returns False if the server is told to stop before it is done."""
        task = asyncio.ensure_future(work)
        ending = asyncio.ensure_future(self._event.wait())
        await asyncio.wait([task, ending], return_when=asyncio.FIRST_COMPLETED)
        ending.cancel()
        if not task.done():
            task.cancel()
            return False
        task.result()
        return True

    def _take(self, number: int) -> None:
        name = signal.Signals(number).name
        if self._signalled:
            log.warning("A second %s: stopping at once", name)
            self._at_once()
            os._exit(128 + number)
        if not self._serving:
            log.info("%s before the server was ready: stopping", name)
            self._at_once()
            os._exit(0)
        self._signalled = True
        log.info(
            "%s: finishing the requests in flight (at most %.0f s; a second signal stops at once)",
            name,
            self._drain_seconds,
        )
        self._event.set()

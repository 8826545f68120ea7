"""Copies of requests for shadow arms: sent beside the original, in bounded number, dropped when they do not fit."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final

log = logging.getLogger(__name__)
Send = Callable[[], Coroutine[Any, Any, None]]
_TELL_SECONDS: Final = 60.0


@dataclass(frozen=True)
class ShadowLimits:
    """The limits of the copies.

    Attributes:
        running: How many are on their way at once.
        waiting: How many wait for their turn; further ones are dropped.
        bytes: What those on their way and waiting may hold together.
        seconds: How long a copy may take.
    """

    running: int = 32
    waiting: int = 256
    bytes: int = 64 * 1024**2
    seconds: float = 10.0


class Shadows:
    """Sends copies; nothing of it waits, and nothing of it can fail.

    Args:
        limits: Their limits.

    Attributes:
        sent: How many were sent.
        dropped: How many were dropped.
    """

    def __init__(self, limits: ShadowLimits | None = None) -> None:
        self.limits = limits or ShadowLimits()
        self.sent = self.dropped = 0
        self._held = 0
        self._running: set[asyncio.Task[None]] = set()
        self._waiting: deque[tuple[int, Send]] = deque()
        self._told_at = 0.0

    def add(self, size: int, send: Send) -> bool:
        """Queues a copy.

        Args:
            size: The bytes it holds.
            send: Sends it and takes its answer.

        Returns:
            Whether it was taken; False if it was dropped.
        """
        limits = self.limits
        full = len(self._waiting) >= limits.waiting or self._held + size > limits.bytes
        if full:
            self._drop()
            return False
        self._held += size
        self._waiting.append((size, send))
        self._next()
        return True

    def _next(self) -> None:
        while self._waiting and len(self._running) < self.limits.running:
            size, send = self._waiting.popleft()
            self.sent += 1
            task = asyncio.get_running_loop().create_task(self._send(size, send))
            self._running.add(task)
            task.add_done_callback(self._ended)

    async def _send(self, size: int, send: Send) -> None:
        try:
            await send()
        except Exception:  # a copy must not fail anything
            log.exception("A shadow's answer could not be taken")
        finally:
            self._held -= size

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._next()

    def _drop(self) -> None:
        self.dropped += 1
        now = asyncio.get_running_loop().time()
        if now - self._told_at > _TELL_SECONDS or self.dropped == 1:
            self._told_at = now
            log.warning("Shadows are slower than the traffic: %d copies were dropped so far", self.dropped)

    def close(self) -> None:
        """Drops what waits and ends what is on its way."""
        self._waiting.clear()
        for task in list(self._running):
            task.cancel()

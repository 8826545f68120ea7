"""The connections to one backend's REST port: kept open, used one request at a time, opened as needed."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from serving.codes import Code
from serving.router.backends import host_and_port, reason
from serving.router.rest.upstream import Reply, Upstream, UpstreamError

if TYPE_CHECKING:
    from serving.http.budget import Share
    from serving.router.backends import Backend

_IDLE_SECONDS: Final = 30.0
"""Shorter than any backend's own limit: a connection that the backend closes may lose a request."""


@dataclass(frozen=True)
class PoolLimits:
    """The limits of the connections to one backend.

    Attributes:
        connections: How many there are at most; further requests wait for a free one.
        waiting: How many requests may wait; further ones are refused.
        connect_seconds: How long opening one may take.
    """

    connections: int = 256
    waiting: int = 4096
    connect_seconds: float = 3.0


class Pool:
    """The connections to one backend.

    Args:
        backend: The backend.
        limits: Their limits.

    Attributes:
        backend: The backend.

    Raises:
        PenstockError: The backend's TLS files are wrong.
    """

    def __init__(self, backend: Backend, limits: PoolLimits | None = None) -> None:
        self.backend = backend
        self._limits = limits or PoolLimits()
        self.name = f"backend {backend.name} at {backend.rest}"
        self._host, self._port = host_and_port(backend.rest)
        tls = backend.tls if backend.tls is not None and backend.tls.rest else None
        self._tls = tls.context("http/1.1") if tls else None
        self._tls_name = (tls.name or self._host) if tls else None
        self._idle: deque[tuple[Upstream, float]] = deque()
        self._taken = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        # A host that does not even refuse: until when not to try again, so that requests do not pile up on it.
        self._silent_until = 0.0
        self._closed = False

    async def ask(self, head: bytes, body: bytes, share: Share, seconds: float, *, head_only: bool) -> Reply:
        """Sends a request and returns the answer.

        A request on a connection that the backend closed meanwhile is sent again, on a new one.

        Args:
            head: The request's head, complete.
            body: Its body.
            share: What the answer takes its memory from.
            seconds: How long to wait.
            head_only: Whether the method is HEAD.

        Raises:
            UpstreamError: There is no answer.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        await self._turn(end)
        self._taken += 1
        fresh = False
        try:
            while True:
                connection = (None if fresh else self._take_idle()) or await self._connect(end)
                waiter = connection.ask(head, body, share, head_only=head_only)
                timer = loop.call_at(end, _late, waiter, f"{self.name} gave no answer within {seconds:g} s")
                try:
                    return await waiter
                except UpstreamError as error:
                    if not error.stale:
                        raise
                    fresh = True
                finally:
                    timer.cancel()
                    if waiter.cancelled() or waiter.exception() is not None:
                        connection.abort()
        finally:
            self._taken -= 1
            self._wake()

    async def _turn(self, end: float) -> None:
        """Waits until one more connection may be in use."""
        if self._taken < self._limits.connections and not self._waiting:
            return
        if len(self._waiting) >= self._limits.waiting:
            raise UpstreamError(
                Code.UNAVAILABLE, f"{self.name}: {self._limits.waiting} requests wait for it already"
            )
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        self._waiting.append(turn)
        timer = loop.call_at(end, _late, turn, f"{self.name}: no connection became free in time")
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self._wake()
            raise
        finally:
            timer.cancel()

    def _wake(self) -> None:
        """Lets the next request have its turn."""
        while self._waiting and self._taken < self._limits.connections:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return

    def _take_idle(self) -> Upstream | None:
        """Returns the connection that was used last; the others may time out."""
        while self._idle:
            connection, _ = self._idle.pop()
            if connection.open:
                return connection
        return None

    async def _connect(self, end: float) -> Upstream:
        loop = asyncio.get_running_loop()
        now = loop.time()
        if now < self._silent_until:
            raise UpstreamError(Code.UNAVAILABLE, f"{self.name} cannot be reached: it gave no sign of life")
        try:
            async with asyncio.timeout_at(min(end, now + self._limits.connect_seconds)):
                _, connection = await loop.create_connection(
                    lambda: Upstream(self.name, self._free),
                    self._host,
                    self._port,
                    ssl=self._tls,
                    server_hostname=self._tls_name,
                )
        except TimeoutError as error:
            self._silent_until = loop.time() + 1.0
            raise UpstreamError(
                Code.UNAVAILABLE, f"{self.name} cannot be reached: it gave no sign of life"
            ) from error
        except OSError as error:
            raise UpstreamError(
                Code.UNAVAILABLE, f"{self.name} cannot be reached: {reason(error)}"
            ) from error
        return connection

    def _free(self, connection: Upstream) -> None:
        if self._closed:
            connection.close()
            return
        now = asyncio.get_running_loop().time()
        self._idle.append((connection, now))
        while self._idle and now - self._idle[0][1] > _IDLE_SECONDS:
            self._idle.popleft()[0].close()

    def sweep(self) -> None:
        """Closes connections that were idle for long, and forgets those that the backend closed."""
        now = asyncio.get_running_loop().time()
        kept = [(c, since) for c, since in self._idle if c.open and now - since <= _IDLE_SECONDS]
        for connection, since in self._idle:
            if now - since > _IDLE_SECONDS:
                connection.close()
        self._idle = deque(kept)

    def close(self) -> None:
        """Closes every idle connection."""
        self._closed = True
        for connection, _ in self._idle:
            connection.close()
        self._idle.clear()


def _late(waiter: asyncio.Future[Any], text: str) -> None:
    if not waiter.done():
        waiter.set_exception(UpstreamError(Code.DEADLINE_EXCEEDED, text))

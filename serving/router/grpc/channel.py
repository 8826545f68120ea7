"""The HTTP/2 connections to one backend: opened when a call needs one, again after a pause when that fails."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING, Final

from serving.http2.limits import Limits
from serving.router.backends import host_and_port, reason
from serving.router.grpc.upstream import Asking, Upstream

if TYPE_CHECKING:
    from serving.router.backends import Backend

log = logging.getLogger(__name__)
_CONNECT_SECONDS: Final = 3.0
_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 2.0
_MOST_CONNECTIONS: Final = 8
"""How many there are at most, if the backend takes too few calls on each."""
_MOST_WAITING: Final = 10_000
LIMITS: Final = Limits(
    # A backend is trusted more than a client is: it resets what clients cancel, and answers with what they asked for.
    resets=1 << 20,
    resets_per_second=1e6,
    controls=1 << 20,
    controls_per_second=1e6,
    # A server over gRPC's C core ends connections that ping more than once in five minutes, with the calls on them.
    ping_seconds=0.0,
    # An answer may take as long as the call's own limits allow.
    stalled_seconds=600.0,
)
"""The limits of connections to backends."""


class Channel:
    """The connections to one backend.

    Args:
        backend: The backend.
        limits: Their limits.

    Attributes:
        backend: The backend.
        name: What errors call it.

    Raises:
        PenstockError: The backend's TLS files are wrong.
    """

    def __init__(self, backend: Backend, limits: Limits = LIMITS) -> None:
        self.backend = backend
        self.name = f"backend {backend.name} at {backend.grpc}"
        self._size = backend.connections
        self._limits = limits
        self._host, self._port = host_and_port(backend.grpc)
        self._tls = backend.tls.context("h2") if backend.tls else None
        self._tls_name = (backend.tls.name or self._host) if backend.tls else None
        self._open: deque[Upstream] = deque()
        self._leaving: set[Upstream] = set()
        self._waiting: deque[Asking] = deque()
        self._connecting: asyncio.Task[None] | None = None
        self._pause, self._again_at, self._failure = 0.0, 0.0, ""
        self._closed = False

    @property
    def in_flight(self) -> int:
        """The number of calls on its connections, and of those that wait for one."""
        return len(self._waiting) + sum(len(one.streams) for one in (*self._open, *self._leaving))

    def request(self, call: Asking) -> None:
        """Gives a call a stream: at once, or when there is one; or tells it that the backend cannot be reached."""
        if not self._waiting and self._give(call):
            if len(self._open) < self._size:
                self._connect()
            return
        if len(self._waiting) >= _MOST_WAITING:
            call.unreachable(f"{self.name}: {_MOST_WAITING} calls wait for it already")
            return
        if not self._open and self._connecting is None and self._loop().time() < self._again_at:
            call.unreachable(self._failure)
            return
        self._waiting.append(call)
        if len(self._open) < max(_MOST_CONNECTIONS, self._size):
            self._connect()

    def forget(self, call: Asking) -> None:
        """Takes back a call that still waits."""
        if self._waiting:
            try:
                self._waiting.remove(call)
            except ValueError:
                return

    def _give(self, call: Asking) -> bool:
        """Gives a call a stream of the next connection that has one."""
        connections = self._open
        for _ in range(len(connections)):
            connection = connections[0]
            if len(connections) > 1:
                connections.rotate(-1)
            stream = connection.open()
            if stream is not None:
                stream.user = call
                call.attach(connection, stream)
                return True
        return False

    def freed(self) -> None:
        """Serves calls that wait for a stream."""
        while self._waiting:
            call = self._waiting.popleft()
            if not self._give(call):
                self._waiting.appendleft(call)
                return

    # Connections.

    def _loop(self) -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    def _connect(self) -> None:
        if self._connecting is None and not self._closed and self._loop().time() >= self._again_at:
            self._connecting = self._loop().create_task(self._try())

    async def _try(self) -> None:
        loop = self._loop()
        connection = Upstream(self, self._limits, loop)
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                await loop.create_connection(
                    lambda: connection,
                    self._host,
                    self._port,
                    ssl=self._tls,
                    server_hostname=self._tls_name,
                )
                await connection.greeted
        except TimeoutError:
            connection.abort()
            self._failed("it gave no sign of life")
        except OSError as error:
            self._failed(reason(error))
        else:
            self._opened(connection)

    def _opened(self, connection: Upstream) -> None:
        """Takes a connection whose backend has greeted."""
        self._connecting = None
        self._pause = self._again_at = 0.0
        self._failure = ""
        if not connection.departing:
            self._open.append(connection)
        self.freed()
        if self._waiting and len(self._open) < _MOST_CONNECTIONS:
            self._connect()

    def gone(self, connection: Upstream) -> None:
        """Gives a connection no further call: it is leaving or lost."""
        if connection in self._open:
            self._open.remove(connection)
            log.info("%s: a connection ends", self.name)
        if connection.transport is None:
            self._leaving.discard(connection)
        else:
            self._leaving.add(connection)
        if self._waiting:
            self._connect()

    def _failed(self, why: str) -> None:
        """Fails the calls that wait; the next one tries again after a pause."""
        self._connecting = None
        self._pause = min(max(2 * self._pause, _FIRST_PAUSE), _LONGEST_PAUSE)
        self._again_at = self._loop().time() + self._pause
        text = f"{self.name} cannot be reached: {why}"
        if text != self._failure:
            log.warning("%s", text)
        self._failure = text
        if self._open:
            return
        waiting, self._waiting = self._waiting, deque()
        for call in waiting:
            call.unreachable(text)

    def sweep(self, now: float, seconds: float) -> None:
        """Looks after the connections; see ``Connection.sweep``."""
        for connection in (*self._open, *self._leaving):
            connection.sweep(now, seconds)

    def retire(self) -> None:
        """Takes no further call; the connections end with the calls on them."""
        self._closed = True
        waiting, self._waiting = self._waiting, deque()
        for call in waiting:
            call.unreachable(f"{self.name} has left the document")
        for connection in list(self._open):
            connection.go_away()

    def close(self) -> None:
        """Closes all connections."""
        self._closed = True
        if self._connecting is not None:
            self._connecting.cancel()
        for connection in (*self._open, *self._leaving):
            connection.go_away()
            connection.close()

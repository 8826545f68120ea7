"""A gRPC server for raw bytes: listens, looks after its connections, and drains.

``Server({b"/package.Service/Method": handler}).start(...)``; a handler takes a ``Call`` and returns the answer's bytes or a
``Reply``, an awaitable of one, or an async generator of several; it raises ``CallFault`` for a status other than OK. A
handler that answers at once costs no task. A call whose client resets it or leaves is cancelled.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final

from serving.http.budget import Budget, default_bytes
from serving.http2.answering import ServerConnection
from serving.http2.frames import LARGEST
from serving.http2.limits import Limits
from serving.memory import return_freed_memory

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Mapping, Sequence

    from serving.http2.call import Handler
    from serving.http2.connection import Connection

log = logging.getLogger(__name__)
_BACKLOG: Final = 1024
_DRAIN_TICK_SECONDS: Final = 0.02
_LAST_CALL_SECONDS: Final = 0.1
"""How long after the first GOAWAY calls are still taken: they may be on their way."""
_TRIM_BYTES: Final = 8 << 20
"""How much messages must have given back before freed memory is returned to the system."""
UNLIMITED: Final = 2**31 - 1


class Shared:
    """What the connections of a server share.

    Args:
        methods: The handlers by path.
        limits: The limits of one connection.
        budget: The bytes that messages of all connections may hold at once.
        most_received: The largest message of a client, in bytes.
        most_sent: The largest message to a client, in bytes.
        compress: Whether to compress answers for clients that take it.
    """

    def __init__(
        self,
        methods: Mapping[bytes, Handler],
        limits: Limits,
        budget: Budget,
        most_received: int,
        most_sent: int,
        compress: bool,
    ) -> None:
        self.methods = methods
        self.limits = limits
        self.budget = budget
        self.most_received = most_received
        self.most_sent = most_sent
        self.compress = compress
        self.connections: set[Connection] = set()


class Listening:
    """Ports of HTTP/2 connections of one kind.

    Args:
        connections: The open connections, kept by them.

    Attributes:
        sweep_seconds: How often connections are looked after.
        tls_seconds: When to drop a client that has not finished its TLS handshake.
    """

    sweep_seconds = 1.0
    tls_seconds = 30.0

    def __init__(self, connections: set[Connection]) -> None:
        self._connections = connections
        self._listeners: list[asyncio.Server] = []
        self._sweeper: asyncio.Task[None] | None = None

    def connect(self) -> Connection:
        """Returns the protocol of a new connection."""
        raise NotImplementedError

    async def start(
        self,
        sockets: Sequence[socket.socket] = (),
        paths: Sequence[str] = (),
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Starts to answer.

        Args:
            sockets: Bound listening sockets; they are closed at the end.
            paths: Paths of UNIX sockets to listen on.
            tls: The TLS context, with ``h2`` among its protocols; None means clear text.
        """
        loop = asyncio.get_running_loop()
        options: Any = {"backlog": _BACKLOG}
        if tls is not None:
            options |= {"ssl": tls, "ssl_handshake_timeout": self.tls_seconds}
        for listener in sockets:
            self._listeners.append(await loop.create_server(self.connect, sock=listener, **options))
        for path in paths:
            self._listeners.append(await loop.create_unix_server(self.connect, path, **options))
        self._sweeper = loop.create_task(self._sweep())

    async def stop(self, grace_seconds: float = 0.0) -> None:
        """Takes no new calls and finishes those in flight, within the grace time."""
        loop = asyncio.get_running_loop()
        end = loop.time() + grace_seconds
        for listener in self._listeners:
            listener.close()
        for connection in list(self._connections):
            connection.go_away(text="the server is stopping", last=LARGEST)
        await asyncio.sleep(min(_LAST_CALL_SECONDS, grace_seconds))
        for connection in list(self._connections):
            connection.go_away(text="the server is stopping")
        while self._connections and loop.time() < end:
            await asyncio.sleep(_DRAIN_TICK_SECONDS)
        for connection in list(self._connections):
            connection.abort()
        if self._sweeper is not None:
            self._sweeper.cancel()

    async def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self.sweep_seconds)
            now = loop.time()
            for connection in list(self._connections):
                try:
                    connection.sweep(now, self.sweep_seconds)
                except Exception:
                    log.exception("An HTTP/2 connection could not be looked after")
                    connection.abort()
            await self.tidy()

    async def tidy(self) -> None:
        """Hook that runs every second."""


class Server(Listening):
    """A server that answers gRPC calls itself.

    Args:
        methods: The handlers by path, such as ``b"/package.Service/Method"``.
        limits: The limits of one connection.
        budget: The bytes that messages of all connections may hold at once; None means the default number.
        most_received: The largest message of a client, in bytes.
        most_sent: The largest message to a client, in bytes.
        compress: Whether to compress answers for clients that take it.
    """

    def __init__(
        self,
        methods: Mapping[bytes, Handler],
        limits: Limits | None = None,
        budget: Budget | None = None,
        *,
        most_received: int = UNLIMITED,
        most_sent: int = UNLIMITED,
        compress: bool = False,
    ) -> None:
        self.shared = Shared(
            methods, limits or Limits(), budget or Budget(default_bytes()), most_received, most_sent, compress
        )
        super().__init__(self.shared.connections)

    async def tidy(self) -> None:
        """Returns freed memory to the system after large messages."""
        budget = self.shared.budget
        taken = budget.taken
        if budget.peak - taken > _TRIM_BYTES:
            budget.peak = taken
            await asyncio.to_thread(return_freed_memory)

    def connect(self) -> ServerConnection:
        """Returns the protocol of a new connection."""
        return ServerConnection(self.shared, asyncio.get_running_loop())

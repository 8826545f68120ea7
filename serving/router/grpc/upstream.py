"""One HTTP/2 connection to a backend; the calls on its streams take what arrives."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Final, Protocol

from serving.http2.connection import Connection

if TYPE_CHECKING:
    import asyncio

    from serving.http2.limits import Limits
    from serving.http2.stream import Stream
    from serving.router.grpc.channel import Channel

_KEEP_ALIVE: Final = (
    (socket.SOL_SOCKET, "SO_KEEPALIVE", 1),
    (socket.IPPROTO_TCP, "TCP_KEEPIDLE", 20),
    (socket.IPPROTO_TCP, "TCP_KEEPINTVL", 5),
    (socket.IPPROTO_TCP, "TCP_KEEPCNT", 3),
    (socket.IPPROTO_TCP, "TCP_USER_TIMEOUT", 30_000),
)
"""Option → value: a peer that is silent for 20 seconds is asked, and given up 15 seconds later; sent data waits 30."""


class Asking(Protocol):
    """A call, as its backend's connection sees it; ``stream.user`` of its stream."""

    def attach(self, connection: Upstream, stream: Stream) -> None:
        """Takes its stream and sends the request."""

    def unreachable(self, text: str) -> None:
        """Notes that there is no stream for it."""

    def backend_headers(self, block: bytes, ended: bool) -> None:
        """Takes a header block of the answer: its first, or its trailers."""

    def backend_data(self, data: bytes, ended: bool) -> None:
        """Takes data of the answer; somebody says ``used`` for it."""

    def backend_took(self, size: int) -> None:
        """Notes that so many bytes of the request were handed to the socket."""

    def backend_reset(self, code: int, lost: bool) -> None:
        """Notes that the backend has ended the stream early, or that its connection is lost."""


class Upstream(Connection):
    """A connection to a backend.

    Args:
        channel: What it belongs to.
        limits: Its limits.
        loop: The event loop.

    Attributes:
        greeted: Is done when the backend has sent its SETTINGS; fails if it does not speak HTTP/2.
    """

    def __init__(self, channel: Channel, limits: Limits, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(limits, loop, client=True)
        self._channel = channel
        self.greeted: asyncio.Future[None] = loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Lets the system notice a backend whose machine is gone: gRPC's servers do not want to be pinged."""
        connected = transport.get_extra_info("socket")
        for level, name, value in _KEEP_ALIVE:
            option = getattr(socket, name, None)  # Not every system has all of them.
            if option is not None:
                connected.setsockopt(level, option, value)
        super().connection_made(transport)

    def opened(self) -> None:
        """Is ready for calls."""
        if not self.greeted.done():
            self.greeted.set_result(None)

    def took_headers(self, stream: Stream, block: bytes, ended: bool) -> None:
        """Hands a block to its call."""
        if stream.user is not None:
            stream.user.backend_headers(block, ended)

    def took_data(self, stream: Stream, data: bytes, ended: bool) -> None:
        """Hands data to its call."""
        if stream.user is not None:
            stream.user.backend_data(data, ended)
        else:
            self.used(stream, len(data))

    def took_reset(self, stream: Stream, code: int) -> None:
        """Tells the call."""
        if stream.user is not None:
            stream.user.backend_reset(code, self.transport is None)

    def sent(self, stream: Stream, size: int) -> None:
        """Tells the call."""
        if stream.user is not None:
            stream.user.backend_took(size)

    def stream_closed(self, stream: Stream) -> None:
        """Lets the next call that waits have a stream."""
        self._channel.freed()

    def leaving(self) -> None:
        """Gets no further call: the next one opens another connection."""
        self._channel.gone(self)

    def lost(self, error: Exception | None) -> None:
        """Gets no further call."""
        if not self.greeted.done():
            it = error if isinstance(error, OSError) else OSError("it does not speak HTTP/2")
            self.greeted.set_exception(it)
        self._channel.gone(self)

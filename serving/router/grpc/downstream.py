"""One HTTP/2 connection of a client; its calls take what arrives on their streams."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from serving.http2.connection import Connection

if TYPE_CHECKING:
    import asyncio

    from serving.http2.stream import Stream
    from serving.router.grpc.front import GrpcFront


class Asked(Protocol):
    """A call, as its client's connection sees it; ``stream.user`` of its stream."""

    def client_headers(self, block: bytes, ended: bool) -> None:
        """Takes a further header block: trailers."""

    def client_data(self, data: bytes, ended: bool) -> None:
        """Takes data of the request; somebody says ``used`` for it."""

    def client_took(self, size: int) -> None:
        """Notes that so many bytes of the answer were handed to the socket."""

    def client_reset(self, code: int) -> None:
        """Notes that the client has ended the stream early, or is gone."""

    def closed(self) -> None:
        """Notes that the stream is over on both sides."""

    def look(self, now: float) -> None:
        """Ends what takes too long."""


class Downstream(Connection):
    """A client's connection.

    Args:
        front: What all share.
        loop: The event loop.
    """

    def __init__(self, front: GrpcFront, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(front.limits, loop, client=False)
        self._front = front

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greets, unless there are too many."""
        if not self._front.admits(self):
            transport.abort()  # type: ignore[attr-defined]
            return
        super().connection_made(transport)

    def took_headers(self, stream: Stream, block: bytes, ended: bool) -> None:
        """Begins a call, or hands it its trailers."""
        call: Asked | None = stream.user
        if call is None:
            self._front.begin(self, stream, block, ended)
        else:
            call.client_headers(block, ended)

    def took_data(self, stream: Stream, data: bytes, ended: bool) -> None:
        """Hands data to its call."""
        call: Asked | None = stream.user
        if call is not None:
            call.client_data(data, ended)
        else:
            self.used(stream, len(data))

    def took_reset(self, stream: Stream, code: int) -> None:
        """Tells the call."""
        call: Asked | None = stream.user
        if call is not None:
            call.client_reset(code)

    def sent(self, stream: Stream, size: int) -> None:
        """Tells the call."""
        call: Asked | None = stream.user
        if call is not None:
            call.client_took(size)

    def stream_closed(self, stream: Stream) -> None:
        """Tells the call."""
        call: Asked | None = stream.user
        if call is not None:
            call.closed()

    def lost(self, error: Exception | None) -> None:
        """Is forgotten."""
        self._front.left(self)

    def look(self, now: float) -> None:
        """Ends calls that take too long."""
        for stream in list(self.streams.values()):
            if stream.user is not None:
                stream.user.look(now)

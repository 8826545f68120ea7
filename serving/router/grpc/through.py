"""A call that the router does not look into: its frames go both ways as they come, with back-pressure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from serving.codes import Code
from serving.http2 import frames
from serving.router.grpc import heads

if TYPE_CHECKING:
    from serving.http2.connection import Connection
    from serving.http2.stream import Stream
    from serving.router.grpc.channel import Channel
    from serving.router.grpc.upstream import Upstream


class ThroughCall:
    """One call, of any kind: unary or streaming, of any service.

    Args:
        connection: The client's connection.
        stream: Its stream.
        block: The request's header block.
        ended: Whether the request has no data.
        channel: Where it goes.
    """

    __slots__ = (
        "_answered",
        "_begun",
        "_channel",
        "_connection",
        "_early",
        "_from_backend",
        "_from_client",
        "_stream",
        "_up",
        "_up_stream",
    )

    def __init__(
        self, connection: Connection, stream: Stream, block: bytes, ended: bool, channel: Channel
    ) -> None:
        self._connection = connection
        self._stream = stream
        self._channel = channel
        self._up: Upstream | None = None
        self._up_stream: Stream | None = None
        # What came before there was a stream to the backend: whether it is a header block, its bytes, whether it ends.
        self._early: list[tuple[bool, bytes, bool]] = [(True, block, ended)]
        # Bytes that were taken from one side and not handed to the other yet.
        self._from_client = self._from_backend = 0
        self._begun = self._answered = False
        stream.user = self
        channel.request(self)

    # The client's side.

    def client_headers(self, block: bytes, ended: bool) -> None:
        """Forwards trailers."""
        self._forward(True, block, ended)

    def client_data(self, data: bytes, ended: bool) -> None:
        """Forwards data."""
        self._from_client += len(data)
        self._forward(False, data, ended)

    def client_took(self, size: int) -> None:
        """Lets the backend send more: the client's socket has taken it."""
        size = min(size, self._from_backend)
        self._from_backend -= size
        if self._up is not None and self._up_stream is not None:
            self._up.used(self._up_stream, size)

    def client_reset(self, code: int) -> None:
        """Forwards the reset."""
        self._channel.forget(self)
        if self._up is not None and self._up_stream is not None:
            self._up.reset(self._up_stream, code)

    def closed(self) -> None:
        """Gives back what of the connections' windows is still held."""
        if self._from_client:
            self._connection.used(self._stream, self._from_client)
            self._from_client = 0
        if self._up is not None and self._up_stream is not None:
            self._up.used(self._up_stream, self._from_backend)
            self._from_backend = 0
            # An answer may come before the request's end; the rest of it is useless then.
            self._up.reset(self._up_stream, frames.CANCEL)

    def look(self, now: float) -> None:
        """Keeps a stream alive on which nothing happens for long; only calls of known methods have limits."""
        if not self._stream.waiting:
            self._stream.still = 0.0
        if self._up_stream is not None and not self._up_stream.waiting:
            self._up_stream.still = 0.0

    # The backend's side.

    def attach(self, connection: Upstream, stream: Stream) -> None:
        """Takes its stream and sends what has come so far."""
        self._up, self._up_stream = connection, stream
        early, self._early = self._early, []
        for is_block, payload, ended in early:
            self._forward(is_block, payload, ended)

    def _forward(self, is_block: bool, payload: bytes, ended: bool) -> None:
        if self._up is None or self._up_stream is None:
            self._early.append((is_block, payload, ended))
        elif is_block:
            self._up.send_headers(self._up_stream, payload, end=ended)
        else:
            self._up.send_data(self._up_stream, payload, end=ended)

    def unreachable(self, text: str) -> None:
        """Answers that there is no backend, or no longer."""
        block = (heads.trailers if self._begun else heads.refusal)(Code.UNAVAILABLE, text)
        self._answered = True
        self._connection.send_headers(self._stream, block, end=True)
        self._stop_client()

    def backend_headers(self, block: bytes, ended: bool) -> None:
        """Forwards a header block."""
        self._begun, self._answered = True, ended
        self._connection.send_headers(self._stream, block, end=ended)

    def backend_data(self, data: bytes, ended: bool) -> None:
        """Forwards data."""
        self._from_backend += len(data)
        self._answered = ended
        self._connection.send_data(self._stream, data, end=ended)

    def backend_took(self, size: int) -> None:
        """Lets the client send more: the backend's socket has taken it."""
        size = min(size, self._from_client)
        self._from_client -= size
        self._connection.used(self._stream, size)

    def backend_reset(self, code: int, lost: bool) -> None:
        """Forwards the reset; a lost connection is an answer that says so."""
        if lost and not self._answered:
            self.unreachable(f"{self._channel.name} closed the connection during the call")
        elif self._answered and code == frames.NO_ERROR:
            self._stop_client()
        else:
            self._connection.reset(self._stream, code)
            self.closed()

    def _stop_client(self) -> None:
        """Tells a client that is still sending that nobody listens any more, once it has its answer."""
        if not self._stream.remote_ended and not self._stream.waiting:
            self._connection.reset(self._stream, frames.NO_ERROR)

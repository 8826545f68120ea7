"""The client's side of a connection: unary gRPC calls of raw bytes, many at once on one connection.

``UpstreamConnection`` is what a splicing proxy builds on too: it only needs ``Connection`` and the hooks. ``Client`` is
the whole thing for plain calls, as probes and tests make them.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from serving.codes import Code
from serving.http2 import frames, hpack, messages
from serving.http2.call import CallFault, Metadata
from serving.http2.connection import Connection
from serving.http2.limits import Limits

if TYPE_CHECKING:
    import ssl

    from serving.http2.stream import Stream

_CODES: Final = {frames.REFUSED_STREAM: Code.UNAVAILABLE, frames.CANCEL: Code.CANCELLED}


@dataclass(slots=True)
class Answer:
    """An answer.

    Attributes:
        message: The message.
        initial: Fields of the first header block.
        trailing: Fields of the last header block.
    """

    message: bytes
    initial: Metadata
    trailing: Metadata


class _Asked:
    """A call that waits for its answer."""

    __slots__ = ("future", "gatherer", "initial")

    def __init__(self, future: asyncio.Future[Answer], most: int) -> None:
        self.future = future
        self.gatherer = messages.Gatherer(most, lambda size: True)
        self.initial: Metadata = ()


class ClientConnection(Connection):
    """One connection to a server.

    Args:
        limits: Its limits.
        loop: The event loop.
        authority: The server's name.
        scheme: ``http`` or ``https``.
    """

    def __init__(
        self, limits: Limits, loop: asyncio.AbstractEventLoop, authority: str, scheme: str = "http"
    ) -> None:
        super().__init__(limits, loop, client=True)
        self._prefix = hpack.block(
            [
                (b":method", b"POST"),
                (b":scheme", scheme.encode()),
                (b":authority", authority.encode()),
                (b"content-type", b"application/grpc"),
                (b"te", b"trailers"),
            ]
        )
        self.ready: asyncio.Future[None] = loop.create_future()
        self._room: list[asyncio.Future[None]] = []

    def opened(self) -> None:
        """Lets the waiting calls begin."""
        if not self.ready.done():
            self.ready.set_result(None)

    def lost(self, error: Exception | None) -> None:
        """Fails the waiting calls."""
        if not self.ready.done():
            self.ready.set_exception(ConnectionError("the server closed the connection at once"))
            self.ready.exception()
        self._wake()

    def leaving(self) -> None:
        """Fails the calls that wait for a stream."""
        self._wake()

    def stream_closed(self, stream: Stream) -> None:
        """Lets a waiting call begin."""
        if self._room:
            waiting = self._room.pop(0)
            if not waiting.done():
                waiting.set_result(None)

    def _wake(self) -> None:
        waiting, self._room = self._room, []
        for one in waiting:
            if not one.done():
                one.set_result(None)

    async def call(
        self, path: bytes, message: bytes, metadata: Metadata = (), timeout: float | None = None
    ) -> Answer:
        """Makes a unary call.

        Raises:
            CallFault: The server answered another status than OK, or could not be asked.
        """
        stream = await self._stream()
        # Pseudo-header fields come first.
        block = hpack.field(b":path", path) + self._prefix
        if timeout is not None:
            block += hpack.field(b"grpc-timeout", b"%dm" % min(99_999_999, max(1, int(timeout * 1000))))
        asked = stream.user = _Asked(self.loop.create_future(), 2**31 - 1)
        self.send_headers(stream, block + hpack.block(metadata))
        self.send_data(stream, messages.PREFIX.pack(0, len(message)) + message, end=True)
        try:
            return await asyncio.wait_for(asked.future, timeout)
        except TimeoutError:
            raise CallFault(Code.DEADLINE_EXCEEDED, "Deadline Exceeded") from None
        finally:
            if not stream.local_ended or not stream.remote_ended:
                self.reset(stream, frames.CANCEL)

    async def _stream(self) -> Stream:
        while True:
            stream = self.open()
            if stream is not None:
                return stream
            if self.departing or self.transport is None:
                raise CallFault(Code.UNAVAILABLE, "The connection is closed")
            waiting: asyncio.Future[None] = self.loop.create_future()
            self._room.append(waiting)
            await waiting

    # Hooks.

    def took_headers(self, stream: Stream, block: bytes, ended: bool) -> None:
        """Takes the first or the last header block of an answer."""
        asked: _Asked = stream.user
        found = tuple(hpack.fields(block, self.limits.header_list_bytes))
        if not ended:
            asked.initial = asked.initial or found
            return
        values = dict(found)
        code, text = values.get(b"grpc-status"), values.get(b"grpc-message", b"")
        if code == b"0":
            try:
                self._settle(asked, Answer(asked.gatherer.whole(), asked.initial, found))
            except CallFault as fault:
                self._settle(asked, fault)
        elif code is None:
            self._settle(asked, CallFault(Code.UNKNOWN, "The answer has no grpc-status"))
        else:
            self._settle(asked, CallFault(_status(code), percent_decoded(text), found))

    def took_data(self, stream: Stream, data: bytes, ended: bool) -> None:
        """Takes a piece of an answer."""
        self.used(stream, len(data))
        asked: _Asked = stream.user
        try:
            asked.gatherer.add(data)
        except CallFault as fault:
            self._settle(asked, fault)
            self.reset(stream, frames.CANCEL)
            return
        if ended:
            self._settle(asked, CallFault(Code.UNKNOWN, "The answer has no trailers"))

    def took_reset(self, stream: Stream, code: int) -> None:
        """Fails the call."""
        if stream.user is not None:
            status = _CODES.get(code, Code.INTERNAL) if self.transport is not None else Code.UNAVAILABLE
            self._settle(stream.user, CallFault(status, f"The stream was reset with code {code}"))

    def _settle(self, asked: _Asked, result: Answer | CallFault) -> None:
        if asked.future.done():
            return
        if isinstance(result, Answer):
            asked.future.set_result(result)
        else:
            asked.future.set_exception(result)


def _status(text: bytes) -> int:
    """Returns a status; what is none counts as UNKNOWN, as in gRPC's own clients."""
    known = text.isdigit() and len(text) <= 2 and int(text) <= max(Code)
    return int(text) if known else Code.UNKNOWN


async def connect(
    host: str,
    port: int,
    *,
    tls: ssl.SSLContext | None = None,
    limits: Limits | None = None,
) -> ClientConnection:
    """Connects to a server and waits for its SETTINGS.

    Raises:
        OSError: It cannot be reached.
    """
    loop = asyncio.get_running_loop()
    limits = limits or Limits()
    scheme = "http" if tls is None else "https"
    _, connection = await loop.create_connection(
        lambda: ClientConnection(limits, loop, f"{host}:{port}", scheme), host, port, ssl=tls
    )
    await connection.ready
    return connection


def percent_decoded(text: bytes) -> str:
    """Returns the text of a ``grpc-message``."""
    from urllib.parse import unquote_to_bytes

    return unquote_to_bytes(text).decode(errors="replace")

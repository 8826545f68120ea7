"""``HandleReloadConfigRequest``: refused, or sent to every backend."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from serving.codes import Code
from serving.http.budget import Share
from serving.http2 import frames
from serving.http2.hpack import block as written
from serving.http2.messages import PREFIX, CallFault, Gatherer
from serving.router.grpc import heads
from serving.router.grpc.copies import Result, ask

if TYPE_CHECKING:
    from serving.http2.connection import Connection
    from serving.http2.stream import Stream
    from serving.router.grpc.front import GrpcFront

REFUSED: Final = (
    "HandleReloadConfigRequest is not forwarded: it replaces the models of one server, and the router has several or "
    "experiments on them; send it to each backend itself, or start the router with --reload all"
)
_SECONDS: Final = 600.0
_HEAD: Final = written(((b":status", b"200"), (b"content-type", b"application/grpc")))
_OK: Final = written(((b"grpc-status", b"0"),))


class RefusedCall:
    """A call that is answered by its head alone; what follows of it is dropped.

    Args:
        connection: The client's connection.
        stream: Its stream.
        code: The answer's code.
        text: Its text.
    """

    __slots__ = ("_connection", "_stream")

    def __init__(self, connection: Connection, stream: Stream, code: int, text: str) -> None:
        self._connection = connection
        self._stream = stream
        stream.user = self
        connection.send_headers(stream, heads.refusal(code, text), end=True)

    def client_headers(self, block: bytes, ended: bool) -> None:
        """Drops trailers."""

    def client_data(self, data: bytes, ended: bool) -> None:
        """Drops data."""
        self._connection.used(self._stream, len(data))

    def client_took(self, size: int) -> None:
        """Has nothing to do."""

    def client_reset(self, code: int) -> None:
        """Has nothing to do."""

    def closed(self) -> None:
        """Has nothing to give back."""

    def look(self, now: float) -> None:
        """Lets a client that sends on for long be cut off by its connection."""


class ReloadCall:
    """A reload for every backend: the answer is the default backend's, or the first failure.

    Args:
        front: What all calls share.
        connection: The client's connection.
        stream: Its stream.
        block: The request's header block.
        seconds: The call's deadline; None if it has none.
    """

    __slots__ = ("_block", "_connection", "_front", "_gatherer", "_seconds", "_share", "_stream", "_task")

    def __init__(
        self, front: GrpcFront, connection: Connection, stream: Stream, block: bytes, seconds: float | None
    ) -> None:
        self._front = front
        self._connection = connection
        self._stream = stream
        self._block = block
        self._seconds = _SECONDS if seconds is None else seconds
        self._share = Share(front.budget)
        self._gatherer = Gatherer(front.largest, self._share.take)
        self._task: asyncio.Task[None] | None = None
        stream.user = self

    def client_headers(self, block: bytes, ended: bool) -> None:
        """Takes trailers as the end."""
        self.client_data(b"", ended)

    def client_data(self, data: bytes, ended: bool) -> None:
        """Gathers the message."""
        self._connection.used(self._stream, len(data))
        try:
            self._gatherer.add(data)
            if ended:
                message = self._gatherer.whole()
                payload = PREFIX.pack(self._gatherer.compressed, len(message)) + message
                self._task = self._front.loop.create_task(self._send(payload))
        except CallFault as fault:
            self._connection.send_headers(self._stream, heads.refusal(fault.code, fault.message), end=True)
            if not self._stream.remote_ended:
                self._connection.reset(self._stream, frames.NO_ERROR)

    async def _send(self, payload: bytes) -> None:
        names = self._front.names()
        block = heads.changed(self._block, {b"content-length": None})
        asked = [ask(self._front.channel(name), block, payload, self._seconds) for name in names]
        results = dict(zip(names, await asyncio.gather(*asked), strict=True))
        for name, result in results.items():
            if result.code != Code.OK:
                self._fail(name, result, [other for other in names if results[other].code == Code.OK])
                return
        response = results[self._front.default].response
        data = (PREFIX.pack(0, len(response)), response)
        self._connection.send_whole(self._stream, _HEAD, data, _OK)

    def _fail(self, name: str, result: Result, done: list[str]) -> None:
        others = f"; reloaded: {', '.join(done)}" if done else ""
        text = f"backend {name}: {result.text}{others}"
        self._connection.send_headers(self._stream, heads.refusal(result.code, text), end=True)

    def client_took(self, size: int) -> None:
        """Has nothing to do."""

    def client_reset(self, code: int) -> None:
        """Gives up waiting; a reload that has begun goes on."""
        if self._task is not None:
            self._task.cancel()

    def closed(self) -> None:
        """Gives back its memory."""
        self._share.give_back()

    def look(self, now: float) -> None:
        """Has limits of its own."""

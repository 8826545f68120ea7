"""Requests whose answer no client waits for: the copies for shadows, and a reload that goes to every backend."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from serving.codes import Code
from serving.experiments.plane import model_spec
from serving.http2 import frames
from serving.http2.hpack import find
from serving.http2.messages import PREFIX, CallFault, inflate
from serving.router.grpc import heads

if TYPE_CHECKING:
    from serving.experiments.contract import Target
    from serving.experiments.plane.calls import Call
    from serving.http2.stream import Stream
    from serving.router.grpc.channel import Channel
    from serving.router.grpc.front import GrpcFront
    from serving.router.grpc.upstream import Upstream

_PREFIX_BYTES: Final = 5
_MOST_BYTES: Final = 8 * 1024**2


@dataclass(frozen=True, slots=True)
class Result:
    """An answer.

    Attributes:
        code: Its gRPC code.
        text: Its message, if it is an error; percent-encoded as it came.
        response: The response's message; empty if it is too large to be read.
    """

    code: int
    text: str = ""
    response: bytes = b""


class Copy:
    """One such request on its way.

    Args:
        block: Its header block.
        payload: Its data.

    Attributes:
        done: Has the answer once it is there.
    """

    __slots__ = ("_block", "_data", "_encoding", "_payload", "_size", "_up", "_up_stream", "done")

    def __init__(self, block: bytes, payload: bytes) -> None:
        self._block = block
        self._payload = payload
        self._encoding = b""
        self._data: list[bytes] = []
        self._size = 0
        self._up: Upstream | None = None
        self._up_stream: Stream | None = None
        self.done: asyncio.Future[Result] = asyncio.get_running_loop().create_future()

    def attach(self, connection: Upstream, stream: Stream) -> None:
        """Takes its stream and sends the request."""
        self._up, self._up_stream = connection, stream
        connection.send_headers(stream, self._block)
        connection.send_data(stream, self._payload, end=True)

    def unreachable(self, text: str) -> None:
        """Is answered by that."""
        self._end(Result(Code.UNAVAILABLE, text))

    def backend_headers(self, block: bytes, ended: bool) -> None:
        """Takes the first or the last block."""
        if not ended:
            self._encoding = self._encoding or heads.encoding_of(block)
            return
        code = heads.status_of(block)
        if code == Code.OK:
            self._end(Result(code, "", self._response()))
        else:
            text = find(block, (b"grpc-message",)).get(b"grpc-message", b"")
            self._end(Result(code, text.decode("latin-1")))

    def backend_data(self, data: bytes, ended: bool) -> None:
        """Keeps data."""
        if self._up is not None and self._up_stream is not None:
            self._up.used(self._up_stream, len(data))
        self._size += len(data)
        if self._size <= _MOST_BYTES:
            self._data.append(data)
        if ended:
            self._end(Result(Code.UNKNOWN, "the answer has no status"))

    def backend_took(self, size: int) -> None:
        """Has nothing to do."""

    def backend_reset(self, code: int, lost: bool) -> None:
        """Is answered by that."""
        found = Code.UNAVAILABLE if lost else heads.code_of_reset(code)
        self._end(Result(found, "the backend broke off"))

    def _end(self, result: Result) -> None:
        if not self.done.done():
            self.done.set_result(result)

    def _response(self) -> bytes:
        data = b"".join(self._data)
        if len(data) < _PREFIX_BYTES or self._size > _MOST_BYTES:
            return b""
        if not data[0]:
            return data[_PREFIX_BYTES:]
        try:
            return inflate(data[_PREFIX_BYTES:], self._encoding, _MOST_BYTES)
        except CallFault:
            return b""

    def give_up(self) -> None:
        """Ends it at the backend, unless it has ended."""
        if self._up is not None and self._up_stream is not None:
            self._up_stream.user = None
            self._up.reset(self._up_stream, frames.CANCEL)


async def ask(channel: Channel | None, block: bytes, payload: bytes, seconds: float) -> Result:
    """Sends a request and returns its answer.

    Args:
        channel: Where it goes; None means that there is no such backend.
        block: Its header block.
        payload: Its data.
        seconds: How long to wait.
    """
    if channel is None:
        return Result(Code.UNAVAILABLE, "there is no such backend, or it has no gRPC address")
    copy = Copy(block, payload)
    channel.request(copy)
    try:
        async with asyncio.timeout(seconds):
            return await copy.done
    except TimeoutError:
        return Result(Code.DEADLINE_EXCEEDED, f"{channel.name} gave no answer within {seconds:g} s")
    finally:
        channel.forget(copy)
        copy.give_up()


def queue_shadow(front: GrpcFront, call: Call, arm: str, target: Target, block: bytes) -> None:
    """Queues the copy of a call for a shadow.

    Args:
        front: What all calls share.
        call: The call, with its message.
        arm: The shadow's arm.
        target: What to ask.
        block: The request's header block.
    """

    async def send() -> None:
        began = time.perf_counter()
        message = model_spec.merged(call.method, call.request, target)
        payload = PREFIX.pack(0, len(message)) + message
        seconds = front.shadows.limits.seconds
        values = {b"grpc-timeout": heads.timeout(seconds), b"content-length": None}
        found = await ask(front.copies(target.backend), heads.changed(block, values), payload, seconds)
        version = model_spec.answered_version(call.method, found.response) if found.response else None
        call.shadowed(arm, found.code, found.response, target, version, time.perf_counter() - began)

    front.shadows.add(len(call.request), send)

"""The server's side of a connection: reads gRPC calls, has them answered, and writes the answers."""

from __future__ import annotations

import asyncio
import base64
import inspect
import logging
from typing import TYPE_CHECKING, Any, Final

from serving.codes import Code
from serving.http2 import frames, hpack, messages, request_head
from serving.http2.call import Call, CallFault, Reply
from serving.http2.connection import Connection
from serving.http2.frames import StreamFault

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable

    from serving.http2.call import Handler, Metadata, Result
    from serving.http2.request_head import RequestHead
    from serving.http2.server import Shared
    from serving.http2.stream import Stream

log = logging.getLogger(__name__)
_TYPE: Final = hpack.block([(b":status", b"200"), (b"content-type", b"application/grpc")])
_OK: Final = hpack.block([(b"grpc-status", b"0")])
_ENCODED: Final = {name: _TYPE + hpack.field(b"grpc-encoding", name) for name in messages.ENCODINGS}
_ACCEPTED: Final = hpack.field(b"grpc-accept-encoding", messages.ACCEPTED)
_STREAM_AHEAD_BYTES: Final = 1 << 20
_STREAM_PAUSE_SECONDS: Final = 0.05
_DEADLINE_GRACE_SECONDS: Final = 0.05
"""How much later than the deadline a call is ended that has not ended itself: its own status says more."""
_IN_THREAD_ABOVE: Final = 16 << 10
"""Larger messages are inflated in a thread: they may be a thousand times as long then."""


class Pending:
    """A call that is not answered yet.

    Args:
        head: The request's head.
        handler: Answers it; None if the call is refused.
        deadline: When its client gives up, by the loop's clock.
    """

    __slots__ = ("deadline", "gatherer", "handler", "head", "held", "left", "result", "task", "timer")

    def __init__(self, head: RequestHead, handler: Handler | None, deadline: float | None) -> None:
        self.head = head
        self.handler = handler
        self.deadline = deadline
        self.gatherer: messages.Gatherer | None = None
        self.result: object = None
        self.task: asyncio.Task[None] | None = None
        self.timer: asyncio.TimerHandle | None = None
        self.held = 0
        self.left = head.content_length

    def stop(self) -> None:
        """Stops the work, however far it has come."""
        if self.task is not None:
            self.task.add_done_callback(self._forget)
            self.task.cancel()
            if (
                inspect.iscoroutine(self.result)
                and inspect.getcoroutinestate(self.result) == inspect.CORO_CREATED
            ):
                self.result.close()  # Its task will not even begin it.

    def _forget(self, _: asyncio.Task[None]) -> None:
        """Drops the cancelled task: its error's frames hold the message, and this call, in a circle."""
        self.task = self.result = None


class ServerConnection(Connection):
    """A connection of a server that answers calls itself.

    Args:
        shared: What all connections share.
        loop: The event loop.
    """

    def __init__(self, shared: Shared, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(shared.limits, loop, client=False)
        self._shared = shared
        self._budget = shared.budget

    # The connection's calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Notes the connection."""
        super().connection_made(transport)
        self._shared.connections.add(self)

    def lost(self, error: Exception | None) -> None:
        """Forgets the connection."""
        self._shared.connections.discard(self)

    def took_headers(self, stream: Stream, block: bytes, ended: bool) -> None:
        """Takes the head of a request, or its trailers."""
        largest = self.limits.header_list_bytes
        if stream.user is not None:
            if not request_head.check_trailers(block, largest):
                raise StreamFault(stream.number, frames.PROTOCOL_ERROR, "malformed trailers")
            self._complete(stream, stream.user)
            return
        head = request_head.read(block, largest)
        if head.fault:
            raise StreamFault(stream.number, frames.PROTOCOL_ERROR, head.fault)
        deadline = None if head.timeout is None else self.loop.time() + head.timeout
        handler = self._shared.methods.get(head.path) if head.method == b"POST" and head.is_grpc else None
        pending = stream.user = Pending(head, handler, deadline)
        if not (head.method == b"POST" and head.is_grpc):
            pass  # Answered at its end: a browser's upload is taken first.
        elif handler is None:
            self._end(stream, Code.UNIMPLEMENTED, "Method not found!")
        elif not request_head.is_known(head.encoding):
            pending.handler = None
            text = f"Compression algorithm '{head.encoding.decode('latin-1')}' is not supported."
            self._end(stream, Code.UNIMPLEMENTED, text, more=_ACCEPTED)
        if ended:
            self._complete(stream, pending)

    def took_data(self, stream: Stream, data: bytes, ended: bool) -> None:
        """Takes a piece of the message."""
        self.used(stream, len(data))
        pending: Pending = stream.user
        if pending.left is not None:
            pending.left -= len(data)
            if pending.left < 0:
                raise StreamFault(stream.number, frames.PROTOCOL_ERROR, "more data than its content-length")
        if pending.handler is None or stream.local_ended:
            if ended:
                self._complete(stream, pending)
            return
        size = len(data) - 5
        if (
            ended
            and size >= 0
            and pending.gatherer is None
            and size <= self._shared.most_received
            and not pending.left
            and data[:5] == messages.PREFIX.pack(0, size)
            and self._take(pending, size)
        ):
            self._start(stream, pending, data[5:])
            return
        gatherer = pending.gatherer
        if gatherer is None:
            gatherer = pending.gatherer = messages.Gatherer(
                self._shared.most_received, lambda size: self._take(pending, size)
            )
        try:
            gatherer.add(data)
        except CallFault as fault:
            self._fault(stream, fault)
            return
        if ended:
            self._complete(stream, pending)

    def took_reset(self, stream: Stream, code: int) -> None:
        """Stops the work that nobody waits for any more."""
        pending: Pending | None = stream.user
        if pending is not None:
            pending.stop()

    def stream_closed(self, stream: Stream) -> None:
        """Gives back what the call held."""
        pending: Pending | None = stream.user
        if pending is not None:
            if pending.held:
                self._budget.give(pending.held)
                pending.held = 0
            if pending.timer is not None:
                pending.timer.cancel()
            pending.gatherer = None

    # Calls.

    def _take(self, pending: Pending, size: int) -> bool:
        if not self._budget.take(size):
            return False
        pending.held += size
        return True

    def _complete(self, stream: Stream, pending: Pending) -> None:
        """Starts a call whose stream has ended."""
        if pending.left:
            raise StreamFault(stream.number, frames.PROTOCOL_ERROR, "less data than its content-length")
        if stream.local_ended:
            return  # It was answered before its end.
        if pending.handler is None:
            self._refuse_http(stream, pending.head)
            return
        gatherer, pending.gatherer = pending.gatherer, None
        try:
            if gatherer is None:
                raise CallFault(Code.INTERNAL, "The call has ended before its message")
            compressed, message = gatherer.compressed, gatherer.whole()
            if compressed:
                if len(message) > _IN_THREAD_ABOVE:
                    pending.task = self.loop.create_task(self._inflate_in_thread(stream, pending, message))
                    return
                message = self._inflate(pending, message)
        except CallFault as fault:
            self._fault(stream, fault)
            return
        self._start(stream, pending, message, compressed)

    def _inflate(self, pending: Pending, message: bytes) -> bytes:
        most = self._shared.most_received
        return messages.inflate(message, pending.head.encoding, most, lambda size: self._take(pending, size))

    async def _inflate_in_thread(self, stream: Stream, pending: Pending, message: bytes) -> None:
        """Inflates a large message; what its thread takes of the budget is given back even if the client has left."""
        held, budget = [0], self._budget

        def take(size: int) -> bool:
            if not budget.take(size):
                return False
            held[0] += size
            return True

        encoding, most = pending.head.encoding, self._shared.most_received
        job = self.loop.run_in_executor(None, messages.inflate, message, encoding, most, take)
        try:
            text = await asyncio.shield(job)
        except CallFault as fault:
            budget.give(held[0])
            self._fault(stream, fault)
        except asyncio.CancelledError:

            def give_back(done: asyncio.Future[bytes]) -> None:
                if not done.cancelled():
                    done.exception()  # Nobody else asks for it.
                budget.give(held[0])

            job.add_done_callback(give_back)
            raise
        else:
            pending.task = None
            if stream.local_ended:
                budget.give(held[0])
                return
            pending.held += held[0]
            self._start(stream, pending, text, True)

    def _start(self, stream: Stream, pending: Pending, message: bytes, compressed: bool = False) -> None:
        head, handler = pending.head, pending.handler
        assert handler is not None
        try:
            call = Call(head.path, head.metadata, message, pending.deadline, compressed)
            result: Any = handler(call)
        except Exception as error:  # noqa: BLE001 - the handler's errors become statuses
            self._fail_call(stream, error)
            return
        if isinstance(result, bytes | Reply):
            self._reply(stream, pending, result)
            return
        is_stream: bool = inspect.isasyncgen(result)
        work = self._stream(stream, pending, result) if is_stream else self._await(stream, pending, result)
        pending.result = result
        pending.task = self.loop.create_task(work)
        if pending.deadline is not None:
            late = pending.deadline + _DEADLINE_GRACE_SECONDS
            pending.timer = self.loop.call_at(late, self._expire, stream, pending)

    async def _await(self, stream: Stream, pending: Pending, result: Awaitable[Result]) -> None:
        try:
            answer = await result
        except Exception as error:  # noqa: BLE001 - the handler's errors become statuses
            self._fail_call(stream, error)
        else:
            pending.task = None
            self._reply(stream, pending, answer)

    async def _stream(self, stream: Stream, pending: Pending, results: AsyncIterator[Result]) -> None:
        """Sends several messages; waits while the client does not take what is ready."""
        begun = False
        try:
            async for result in results:
                message = result.message if isinstance(result, Reply) else result
                if not begun:
                    self.send_headers(stream, _TYPE)
                    begun = True
                self.send_data(stream, messages.PREFIX.pack(0, len(message)) + message)
                while stream.waiting_bytes > _STREAM_AHEAD_BYTES:
                    await asyncio.sleep(_STREAM_PAUSE_SECONDS)
        except Exception as error:  # noqa: BLE001 - the handler's errors become statuses
            self._fail_call(stream, error, begun=begun)
        else:
            self._end(stream, Code.OK, "", begun=begun)

    def _expire(self, stream: Stream, pending: Pending) -> None:
        if pending.task is not None:
            pending.stop()
            self._end(stream, Code.DEADLINE_EXCEEDED, "Deadline Exceeded")

    # Answers.

    def _reply(self, stream: Stream, pending: Pending, result: Result) -> None:
        if stream.local_ended:
            return  # The client has left.
        block, trailers, flag = _TYPE, _OK, 0
        if isinstance(result, Reply):
            message = result.message
            trailers = _OK + hpack.block(_encoded(result.trailing)) if result.trailing else _OK
            if result.compress or self._shared.compress:
                encoding = _first_taken(pending.head.accepted)
                if encoding:
                    block, message, flag = _ENCODED[encoding], messages.deflate(message, encoding), 1
            if result.initial:
                block += hpack.block(_encoded(result.initial))
        else:
            message = result
            if self._shared.compress:
                self._reply(stream, pending, Reply(message, compress=True))
                return
        size = len(message)
        if size > self._shared.most_sent:
            text = f"SERVER: Sent message larger than max ({size} vs. {self._shared.most_sent})"
            self._end(stream, Code.RESOURCE_EXHAUSTED, text)
            return
        self._budget.overdraw(size)
        pending.held += size
        self.send_whole(stream, block, (messages.PREFIX.pack(flag, size), message), trailers)

    def _fail_call(self, stream: Stream, error: Exception, *, begun: bool = False) -> None:
        if isinstance(error, CallFault):
            self._fault(stream, error, begun=begun)
            return
        log.error("Internal error in a call", exc_info=error)
        self._end(stream, Code.INTERNAL, f"Internal error: {type(error).__name__}", begun=begun)

    def _fault(self, stream: Stream, fault: CallFault, *, begun: bool = False) -> None:
        self._end(stream, fault.code, fault.message, fault.trailing, begun=begun)

    def _end(
        self,
        stream: Stream,
        code: int,
        text: str,
        trailing: Metadata = (),
        *,
        more: bytes = b"",
        begun: bool = False,
    ) -> None:
        """Ends a call with a status and without a further message."""
        if stream.local_ended:
            return
        parts = [] if begun else [_TYPE]
        parts.append(hpack.field(b"grpc-status", b"%d" % code))
        if text:
            parts.append(hpack.field(b"grpc-message", percent_encoded(text)))
        parts += (hpack.block(_encoded(trailing)), more)
        self.send_headers(stream, b"".join(parts), end=True)

    def _refuse_http(self, stream: Stream, head: RequestHead) -> None:
        """Answers what is no gRPC."""
        status = b"405" if head.method != b"POST" else b"415"
        text = b"This port answers gRPC: POST with content-type application/grpc\n"
        allow = [(b"allow", b"POST")] if status == b"405" else []
        block = hpack.block(
            [
                (b":status", status),
                (b"content-type", b"text/plain"),
                (b"content-length", b"%d" % len(text)),
                *allow,
            ]
        )
        if head.method == b"HEAD":
            self.send_headers(stream, block, end=True)
            return
        self.send_headers(stream, block)
        self.send_data(stream, text, end=True)


def percent_encoded(text: str) -> bytes:
    """Returns a text as ``grpc-message`` carries it: UTF-8, with everything but printable ASCII as ``%XX``."""
    data = text.encode(errors="replace")
    if text.isascii() and text.isprintable() and "%" not in text:
        return data
    return b"".join([bytes([c]) if 32 <= c < 127 and c != 37 else b"%%%02X" % c for c in data])


def _encoded(metadata: Metadata) -> list[tuple[bytes, bytes]]:
    return [
        (name, base64.b64encode(value).rstrip(b"=")) if name.endswith(b"-bin") else (name, value)
        for name, value in metadata
    ]


def _first_taken(accepted: tuple[bytes, ...]) -> bytes:
    for name in (b"gzip", b"deflate"):
        if name in accepted:
            return name
    return b""

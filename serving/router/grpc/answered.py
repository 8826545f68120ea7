"""The answering half of a unary call: what comes from its backend goes to its client, and to the experiment."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Final

from serving.codes import Code
from serving.experiments.contract import Target
from serving.experiments.plane import model_spec
from serving.http.budget import Share
from serving.http2 import frames
from serving.http2.messages import CallFault, Gatherer, inflate
from serving.router.grpc import heads

if TYPE_CHECKING:
    from serving.experiments.plane.calls import Call
    from serving.http2.connection import Connection
    from serving.http2.request_head import RequestHead
    from serving.http2.stream import Stream
    from serving.router.grpc.front import GrpcFront
    from serving.router.grpc.upstream import Upstream

_PREFIX_BYTES: Final = 5
_KEPT_BYTES: Final = 8 * 1024**2
"""Larger answers are not kept for the experiment: nobody reads them."""
_UNREAD_BYTES: Final = 1024**2
"""What a slow client may leave unread before it counts against the router's memory."""
_DEADLINE_GRACE: Final = 0.5
"""How much later than the client's own deadline the router ends a call that nobody has ended."""
_DEADLINE_EARLY: Final = 0.01
"""How much earlier than the router expects it a client may give up for its deadline: its clock started before."""
_RETRIES: Final = 9
"""How often a call is sent again that a backend has refused unseen: it may count a stream that has ended for a moment longer."""
_RETRY_SECONDS: Final = 0.002
"""Pause before the first of them; each further one is twice as long."""


class AnsweredCall(ABC):
    """One call; a subclass makes its request.

    Args:
        front: What all calls share.
        connection: The client's connection.
        stream: Its stream.
        head: The request's head, read.
        block: Its header block.
        method: What experiments call the method.
    """

    __slots__ = (
        "_backend",
        "_block",
        "_call",
        "_connection",
        "_encoding",
        "_extra",
        "_fell_back",
        "_forwarded",
        "_front",
        "_gatherer",
        "_head",
        "_held",
        "_kept",
        "_kept_bytes",
        "_limit",
        "_method",
        "_over",
        "_payload",
        "_plain",
        "_refused",
        "_share",
        "_since",
        "_started",
        "_stream",
        "_target",
        "_up",
        "_up_stream",
    )

    def __init__(
        self,
        front: GrpcFront,
        connection: Connection,
        stream: Stream,
        head: RequestHead,
        block: bytes,
        method: str,
    ) -> None:
        self._front = front
        self._connection = connection
        self._stream = stream
        self._head = head
        self._block = block
        self._method = method
        self._share = Share(front.budget)
        self._gatherer: Gatherer | None = None
        self._started = self._since = front.loop.time()
        # The experiment's part: set once the message is here and takes part in one.
        self._call: Call | None = None
        self._target = Target("")
        self._plain: bytes | None = None
        self._extra = b""
        self._limit: float | None = None
        # The request as it goes out, and where.
        self._payload = b""
        self._backend = ""
        self._up: Upstream | None = None
        self._up_stream: Stream | None = None
        self._refused = 0
        # The answer.
        self._held: bytes | None = None
        self._encoding = b""
        self._kept: list[bytes] = []
        self._kept_bytes = 0
        self._forwarded = self._over = self._fell_back = False
        stream.user = self

    @abstractmethod
    def _falls_back(self, code: int) -> bool:
        """Asks the fallback if there is one and the arm has failed; returns whether it does."""

    # The client's side.

    def client_took(self, size: int) -> None:
        """Has nothing to do: the backend may always send."""
        return

    def client_reset(self, code: int) -> None:
        """Forwards the reset: nobody waits for the answer."""
        if not self._over:
            self._over = True
            self._let_go(code)
            timeout = self._head.timeout
            passed = self._front.loop.time() - self._started
            late = timeout is not None and passed >= timeout - _DEADLINE_EARLY
            self._told(Code.DEADLINE_EXCEEDED if late else Code.CANCELLED, b"")

    def closed(self) -> None:
        """Gives back its memory once the client has read everything."""
        self._share.give_back()

    def look(self, now: float) -> None:
        """Ends a call whose arm hangs, or whose deadline has passed without anybody noticing."""
        if self._over or not (self._payload or self._up_stream):
            return
        timeout = self._head.timeout
        if timeout is not None and now > self._started + timeout + _DEADLINE_GRACE:
            self._let_go(frames.CANCEL)
            self._end(Code.DEADLINE_EXCEEDED, "Deadline Exceeded")
        elif self._limit is not None and not self._forwarded and now > self._since + self._limit:
            self._let_go(frames.CANCEL)
            self._failed(
                Code.DEADLINE_EXCEEDED,
                f"{self._front.channel_name(self._backend)} gave no answer within {self._limit:g} s",
            )

    # The backend's side.

    def _send(self, backend: str) -> None:
        """Asks a backend for a stream."""
        self._backend = backend
        self._since = self._front.loop.time()
        channel = self._front.channel(backend)
        if channel is None:
            self.unreachable(f"backend {backend} has no gRPC address")
        else:
            channel.request(self)

    def attach(self, connection: Upstream, stream: Stream) -> None:
        """Takes its stream and sends the request."""
        self._up, self._up_stream = connection, stream
        connection.send_headers(stream, self._front.block_for(self._head, self._block, self._started))
        connection.send_data(stream, self._payload, end=True)

    def unreachable(self, text: str) -> None:
        """Answers that there is no backend."""
        self._failed(Code.UNAVAILABLE, text)

    def backend_took(self, size: int) -> None:
        """Has nothing to do: the request was gathered before."""
        return

    def backend_headers(self, block: bytes, ended: bool) -> None:
        """Forwards the first block; the last one with arm and request id."""
        if self._over:
            return
        if ended:
            self._finish(block)
        elif self._plain is not None and not self._forwarded:
            self._held = block  # A fallback may answer instead.
        else:
            self._forward(block)

    def _forward(self, block: bytes) -> None:
        if self._call is not None and not self._encoding:
            self._encoding = heads.encoding_of(block)
        self._forwarded = True
        self._connection.send_headers(self._stream, block)

    def backend_data(self, data: bytes, ended: bool) -> None:
        """Forwards data; a slow client does not hold up the others on the backend's connection."""
        size = len(data)
        if self._up is not None and self._up_stream is not None:
            self._up.used(self._up_stream, size)
        if self._over:
            return
        if self._held is not None:
            held, self._held = self._held, None
            self._forward(held)
        self._connection.send_data(self._stream, data, end=ended)
        if self._stream.waiting_bytes > _UNREAD_BYTES and not self._share.take(size):
            self._drop(Code.RESOURCE_EXHAUSTED, frames.ENHANCE_YOUR_CALM)
            return
        if self._call is not None and self._kept_bytes <= _KEPT_BYTES:
            self._kept_bytes += size
            self._kept.append(data)
        if ended:
            self._over = True
            self._told(Code.UNKNOWN, b"")

    def _finish(self, block: bytes) -> None:
        code = heads.status_of(block)
        if self._falls_back(code):
            return
        if self._held is not None:
            held, self._held = self._held, None
            self._forward(held)
        self._over = True
        self._connection.send_headers(self._stream, block + self._extra if self._extra else block, end=True)
        if self._up_stream is not None and not self._up_stream.local_ended:
            self._let_go(frames.CANCEL)  # The rest of the request is useless.
        if self._call is not None:
            self._told(code, self._response() if code == Code.OK else b"")

    def backend_reset(self, code: int, lost: bool) -> None:
        """Forwards the reset, or asks again what the backend has not looked at."""
        self._up = self._up_stream = None
        if self._over:
            return
        if lost:
            text = f"{self._front.channel_name(self._backend)} closed the connection during the call"
            self._failed(Code.UNAVAILABLE, text)
        elif code == frames.REFUSED_STREAM and not self._forwarded and self._refused < _RETRIES:
            pause = _RETRY_SECONDS * 2**self._refused
            self._refused += 1
            self._held = None
            self._front.loop.call_later(pause, self._send_again, self._backend)
        elif not self._falls_back(heads.code_of_reset(code)):
            self._drop(heads.code_of_reset(code), code)

    def _send_again(self, backend: str) -> None:
        if not self._over and self._up is None and self._backend == backend:
            self._send(backend)

    # Ends.

    def _failed(self, code: Code, text: str) -> None:
        """Lets the fallback answer, or answers that there is no answer."""
        if not self._falls_back(code):
            self._end(code, text)

    def _end(self, code: int, text: str) -> None:
        """Ends the call with a status of the router's own."""
        self._over = True
        write = heads.trailers if self._forwarded else heads.refusal
        self._connection.send_headers(self._stream, write(code, text) + self._extra, end=True)
        self._told(code, b"")

    def _drop(self, code: Code, reset: int) -> None:
        """Ends the call with a reset."""
        self._over = True
        self._let_go(frames.CANCEL)
        self._connection.reset(self._stream, reset)
        self._told(code, b"")

    def _let_go(self, code: int) -> None:
        """Ends the call at the backend."""
        up, stream = self._up, self._up_stream
        self._up = self._up_stream = None
        if up is not None and stream is not None:
            stream.user = None
            up.reset(stream, code)
        else:
            channel = self._front.channel(self._backend)
            if channel is not None:
                channel.forget(self)

    def _told(self, code: int, response: bytes) -> None:
        """Tells the experiment."""
        if self._call is not None:
            version = model_spec.answered_version(self._method, response) if response else None
            self._call.answered(code, response, self._target, version, fell_back=self._fell_back)

    def _response(self) -> bytes:
        """Returns the answer's message without compression; empty if it is too large or broken."""
        kept = self._kept
        data = kept[0] if len(kept) == 1 else b"".join(kept)
        if len(data) < _PREFIX_BYTES or self._kept_bytes > _KEPT_BYTES:
            return b""
        if not data[0]:
            return data[_PREFIX_BYTES:]
        try:
            return inflate(data[_PREFIX_BYTES:], self._encoding, _KEPT_BYTES)
        except CallFault:
            return b""

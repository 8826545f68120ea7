"""One HTTP/1.1 connection: httptools parses it, requests are answered in order, each answer is one write.

A connection's memory is bounded: a request's head and body by the server's limits, further requests by what arrives in
one read, and answers by the transport's buffer. While a client does not read its answers, nothing more is read or started.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from email.utils import formatdate
from http import HTTPStatus
from typing import Final

import httptools

from serving.http.handler import Answer, Handler, Limits

_JOIN_BELOW_BYTES: Final = 64 * 1024

_STATUS_LINES: Final = {
    **{status: f"HTTP/1.1 {status} Status\r\n".encode() for status in range(100, 600)},
    **{status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus},
    499: b"HTTP/1.1 499 Client Closed Request\r\n",
}
_CORS: Final = (
    b"Access-Control-Allow-Origin: *\r\n"
    b"Access-Control-Allow-Methods: POST, GET\r\n"
    b"Access-Control-Allow-Headers: Content-Type\r\n"
)


class Shared:
    """State that the connections of one server share.

    Args:
        handler: Answers requests.
        limits: The limits of one connection.
    """

    def __init__(self, handler: Handler, limits: Limits) -> None:
        self.handler = handler
        self.limits = limits
        self.connections: set[Connection] = set()
        self.draining = False
        self._date_second = 0
        self._date = b""

    def date(self) -> bytes:
        """Returns the Date header, built once a second."""
        now = int(time.time())
        if now != self._date_second:
            self._date_second = now
            self._date = b"Date: " + formatdate(now, usegmt=True).encode() + b"\r\n"
        return self._date

    def close_idle(self, now: float) -> None:
        """Closes the connections that have timed out."""
        for connection in list(self.connections):
            connection.close_if_idle(now)


class _Request:
    """The part of a request read so far."""

    __slots__ = ("body", "headers", "keep_alive", "method", "size", "url")

    def __init__(self) -> None:
        self.method = ""
        self.url = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.body: list[bytes] = []
        self.size = 0
        self.keep_alive = True

    def target(self) -> str:
        """Returns path and query, even if the request line has a full URL."""
        if self.url.startswith(b"/"):
            return self.url.decode("latin-1")
        try:
            url = httptools.parse_url(self.url)
        except httptools.HttpParserError:
            return self.url.decode("latin-1")
        query = b"?" + url.query if url.query else b""
        return ((url.path or b"/") + query).decode("latin-1")


class Connection(asyncio.Protocol):
    """The protocol of one connection.

    Args:
        shared: What all connections share.
        loop: The event loop.
    """

    __slots__ = (
        "_busy",
        "_closing",
        "_ended",
        "_handle",
        "_head_began",
        "_head_bytes",
        "_last",
        "_limits",
        "_loop",
        "_parser",
        "_paused",
        "_reading",
        "_shared",
        "_stalled",
        "_task",
        "_transport",
        "_waiting",
    )

    def __init__(self, shared: Shared, loop: asyncio.AbstractEventLoop) -> None:
        self._shared = shared
        self._limits = shared.limits
        self._handle = shared.handler.handle
        self._loop = loop
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._reading: _Request | None = None
        self._waiting: deque[_Request] = deque()
        self._busy = self._closing = self._ended = self._paused = self._stalled = False
        self._task: asyncio.Task[None] | None = None
        self._head_bytes = 0
        self._last = self._head_began = loop.time()

    # The transport's calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Stores the transport."""
        self._transport = transport  # type: ignore[assignment]
        self._shared.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancels the pending answer: nobody waits for it, and a run that has not started is skipped."""
        self._shared.connections.discard(self)
        self._closing = True
        self._transport = None
        self._waiting.clear()
        self._reading = None
        if self._task is not None and self._busy:
            self._task.cancel()

    def data_received(self, data: bytes) -> None:
        """Feeds the parser."""
        if self._closing:
            return
        self._last = self._loop.time()
        while data:
            try:
                self._parser.feed_data(data)
                break
            except httptools.HttpParserUpgrade as upgrade:
                # An offer to switch to HTTP/2 or WebSocket is ignored: HTTP/1.1 follows.
                data = data[upgrade.args[0] :]
                self._parser = httptools.HttpRequestParser(self)
            except httptools.HttpParserError as error:
                if not self._closing:
                    self._refuse(400, f"Invalid HTTP request: {error}")
                return
        if self._reading is not None and not self._reading.method:
            self._head_bytes += len(data)
            if self._head_bytes > self._limits.head_bytes:
                self._refuse(431, f"The request's head is larger than {self._limits.head_bytes} bytes")
                return
        # Keep reading while a client waits, to notice if it leaves; further data from others stays in the kernel.
        more = self._waiting or self._reading is not None
        if self._busy and more and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        """Notes that the client sends no more; it may still be reading, so it gets a moment."""
        self._ended = True
        if not self._busy and not self._waiting:
            return False
        self._loop.call_later(self._limits.half_closed_seconds, self.abort)
        return True

    def pause_writing(self) -> None:
        """Starts no further request: the client does not read its answers."""
        self._stalled = True
        self._last = self._loop.time()

    def resume_writing(self) -> None:
        """Continues: the client reads again."""
        self._stalled = False
        self._next()

    # The parser's calls.

    def on_message_begin(self) -> None:
        """Starts a request, unless one was refused before."""
        self._reading = None if self._closing else _Request()
        self._head_bytes = 0
        self._head_began = self._loop.time()

    def on_url(self, url: bytes) -> None:
        """Adds a piece of the target."""
        if self._reading is not None:
            self._reading.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Adds a header."""
        request = self._reading
        if request is None:
            return
        name = name.lower()
        request.headers.append((name, value))
        if name == b"content-length" and value.isdigit() and int(value) > self._limits.body_bytes:
            self._too_large()
        elif name == b"expect" and value.lower() == b"100-continue" and self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_headers_complete(self) -> None:
        """Finishes the head."""
        if self._reading is not None:
            self._reading.method = self._parser.get_method().decode("ascii")

    def on_body(self, body: bytes) -> None:
        """Adds a piece of the body."""
        request = self._reading
        if request is None:
            return
        request.size += len(body)
        if request.size > self._limits.body_bytes:
            self._too_large()
            return
        request.body.append(body)

    def on_message_complete(self) -> None:
        """Finishes the request."""
        request, self._reading = self._reading, None
        if request is None:
            return
        request.keep_alive = self._parser.should_keep_alive() or self._parser.should_upgrade()
        self._waiting.append(request)
        if not self._busy:
            self._next()

    # Answers.

    def _next(self) -> None:
        if self._busy or self._stalled or self._transport is None:
            return
        if not self._waiting:
            if self._paused:
                self._paused = False
                self._transport.resume_reading()
            return
        self._busy = True
        # The loop holds its tasks only weakly.
        self._task = self._loop.create_task(self._answer(self._waiting.popleft()))

    async def _answer(self, request: _Request) -> None:
        pieces = request.body
        body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        answer = await self._handle(request.method, request.target(), request.headers, body)
        self._busy = False
        self._last = self._loop.time()
        if self._transport is None:
            return
        ends = self._closing or self._shared.draining or (self._ended and not self._waiting)
        keep_alive = request.keep_alive and not ends
        self._write(answer, keep_alive=keep_alive, with_body=request.method != "HEAD")
        if keep_alive:
            self._next()
        else:
            self._closing = True
            self._transport.close()

    def _write(self, answer: Answer, *, keep_alive: bool, with_body: bool = True) -> None:
        assert self._transport is not None
        body = answer.body
        head = b"".join(
            (
                _STATUS_LINES[answer.status],
                b"Content-Type: ",
                answer.content_type,
                b"\r\nContent-Length: %d\r\n" % len(body),
                self._shared.date(),
                _CORS if answer.cors else b"",
                b"\r\n" if keep_alive else b"Connection: close\r\n\r\n",
            )
        )
        if not with_body:
            self._transport.write(head)
        elif len(body) < _JOIN_BELOW_BYTES:
            self._transport.write(head + body)
        else:
            self._transport.writelines((head, body))

    def _too_large(self) -> None:
        self._refuse(413, f"The request's body is larger than {self._limits.body_bytes} bytes")

    def _refuse(self, status: int, text: str) -> None:
        """Answers an unreadable request and closes, without waiting for pending answers."""
        self._reading = None
        self._waiting.clear()
        if self._transport is None or self._closing:
            return
        self._closing = True
        if self._busy:
            return
        self._write(self._shared.handler.refusal(status, text), keep_alive=False)
        # Closing with unread data makes the kernel discard the answer, so keep reading for a moment.
        self._transport.write_eof()
        self._loop.call_later(self._limits.linger_seconds, self._transport.close)

    # The server's calls.

    def close_if_idle(self, now: float) -> None:
        """Closes the connection if it has timed out."""
        if self._transport is None:
            return
        passed = now - self._last
        if self._stalled and passed > self._limits.stalled_seconds:
            self._transport.abort()
        elif self._busy:
            return
        elif self._reading is not None and not self._reading.method:
            if now - self._head_began > self._limits.head_seconds:
                self._refuse(408, "The request's head did not arrive in time")
        elif passed > self._limits.idle_seconds:
            self._transport.close()

    def close_unless_busy(self) -> None:
        """Closes the connection if it is idle, otherwise after its answer (the server is draining)."""
        if self._transport is not None and not (self._busy or self._waiting or self._reading):
            self._transport.close()

    def abort(self) -> None:
        """Drops the connection at once."""
        if self._transport is not None:
            self._transport.abort()

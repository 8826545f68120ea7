"""One HTTP/1.1 connection to a backend: one request at a time, httptools parses the answers."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import httptools

from serving.codes import Code

if TYPE_CHECKING:
    from collections.abc import Callable

    from serving.http.budget import Share

_HOP_BY_HOP: Final = frozenset(
    (
        b"connection",
        b"keep-alive",
        b"proxy-connection",
        b"transfer-encoding",
        b"content-length",
        b"trailer",
        b"upgrade",
    )
)
_HEAD_BYTES: Final = 64 * 1024
_BODILESS: Final = frozenset((204, 304))
_FIRST_FINAL: Final = 200
_JOIN_BELOW_BYTES: Final = 64 * 1024


class UpstreamError(Exception):
    """No answer from a backend.

    Args:
        code: The gRPC code that says why.
        text: The reason, for the client.
        stale: Whether the backend closed a connection that was open before, without a byte of an answer.
    """

    def __init__(self, code: Code, text: str, *, stale: bool = False) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.stale = stale


@dataclass(slots=True)
class Reply:
    """A backend's answer.

    Attributes:
        status: The HTTP status.
        reason: The words after it.
        lines: The header lines to pass on, each with its line end.
        body: The body, without its transfer encoding.
        length: The length that the backend announced and did not send: its answer has no body. None otherwise.
        encoded: Whether the body has a content encoding.
    """

    status: int
    reason: bytes
    lines: bytes
    body: bytes
    length: int | None
    encoded: bool


class Upstream(asyncio.Protocol):
    """A connection to a backend.

    Args:
        name: What to call the backend in errors.
        free: Gets the connection when it can take the next request.
    """

    def __init__(self, name: str, free: Callable[[Upstream], None]) -> None:
        self._name = name
        self._free = free
        self._transport: asyncio.Transport | None = None
        self._parser: Any = httptools.HttpResponseParser(self)
        self._waiter: asyncio.Future[Reply] | None = None
        self._share: Share | None = None
        self._head_only = False
        self._begun = False
        self.used = False
        self._reset()

    def _reset(self) -> None:
        self._reason = b""
        self._lines: list[bytes] = []
        self._body: list[bytes] = []
        self._head_size = 0
        self._announced: int | None = None
        self._chunked = self._encoded = self._head_done = False

    @property
    def open(self) -> bool:
        """Whether it can take a request."""
        return self._transport is not None and not self._transport.is_closing()

    def ask(self, head: bytes, body: bytes, share: Share, *, head_only: bool) -> asyncio.Future[Reply]:
        """Sends a request.

        Args:
            head: The request's head, complete.
            body: Its body.
            share: What the answer takes its memory from.
            head_only: Whether the answer has no body whatever it announces: the method is HEAD.

        Returns:
            The answer; fails with ``UpstreamError``. Who does not wait any longer calls ``abort``.
        """
        assert self._transport is not None
        self._waiter = asyncio.get_running_loop().create_future()
        self._share, self._head_only = share, head_only
        if len(body) < _JOIN_BELOW_BYTES:
            self._transport.write(head + body)
        else:
            self._transport.writelines((head, body))
        return self._waiter

    def abort(self) -> None:
        """Drops the connection, and the request with it."""
        self._waiter = None
        if self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        """Closes an idle connection."""
        if self._transport is not None:
            self._transport.close()

    # The transport's calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Stores the transport."""
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """Feeds the parser."""
        if (
            self._waiter is None
        ):  # Nothing was asked: whatever this is, the next answer must not begin with it.
            self.abort()
            return
        self._begun = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail(Code.UNAVAILABLE, "answered with another protocol")
        except httptools.HttpParserError as error:
            self._fail(Code.UNAVAILABLE, f"sent no valid HTTP answer: {error}")

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends an answer that lasts until the connection does; fails one that is cut."""
        self._transport = None
        if self._waiter is None:
            return
        if self._head_done and not self._chunked and self._announced is None:
            self._complete(keep=False)
        elif self._begun:
            self._fail(Code.UNAVAILABLE, "closed the connection in the middle of its answer")
        else:
            self._fail(Code.UNAVAILABLE, "closed the connection without an answer", stale=self.used)

    # The parser's calls.

    def on_message_begin(self) -> None:
        """Starts an answer."""
        self._reset()

    def on_status(self, reason: bytes) -> None:
        """Adds to the words after the status."""
        self._reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        """Adds a header, unless it is about this connection only."""
        self._head_size += len(name) + len(value)
        if self._head_size > _HEAD_BYTES:
            self._fail(Code.UNAVAILABLE, f"sent an answer with more than {_HEAD_BYTES} bytes of headers")
            return
        lower = name.lower()
        if lower in _HOP_BY_HOP:
            if lower == b"content-length":
                self._announced = int(value)
            elif lower == b"transfer-encoding":
                self._chunked = True
            return
        if lower == b"content-encoding":
            self._encoded = True
        self._lines.append(b"%b: %b\r\n" % (name, value))

    def on_headers_complete(self) -> None:
        """Ends an answer without a body: the parser does not know what was asked."""
        if self._parser.get_status_code() < _FIRST_FINAL:
            return
        self._head_done = True
        if self._head_only and self._waiter is not None:
            self._complete(keep=False)

    def on_body(self, body: bytes) -> None:
        """Adds a piece of the body."""
        if self._waiter is None or self._share is None:
            return
        if self._share.take(len(body)):
            self._body.append(body)
        else:
            self._fail(Code.RESOURCE_EXHAUSTED, "sent an answer that the router has no memory for")

    def on_message_complete(self) -> None:
        """Hands over the answer; a preliminary one is dropped."""
        if self._parser.get_status_code() >= _FIRST_FINAL and self._waiter is not None:
            self._complete(keep=self._parser.should_keep_alive())

    # Answers.

    def _complete(self, *, keep: bool) -> None:
        waiter, self._waiter = self._waiter, None
        assert waiter is not None
        status = self._parser.get_status_code()
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        length = None
        if self._head_only or status in _BODILESS:
            length = -1 if self._announced is None else self._announced
        if not waiter.done():
            waiter.set_result(Reply(status, self._reason, b"".join(self._lines), body, length, self._encoded))
        self._body = []
        self._share, self._begun, self.used = None, False, True
        transport = self._transport
        if transport is None:
            return
        # A backend that answers before it has read everything closes next: the rest of the request is useless to it.
        if keep and not transport.get_write_buffer_size():
            self._free(self)
        else:
            transport.close()

    def _fail(self, code: Code, text: str, *, stale: bool = False) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_exception(UpstreamError(code, f"{self._name} {text}", stale=stale))
        self.abort()

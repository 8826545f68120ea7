"""Reads requests from the bytes of a connection: httptools parses, the limits and the budget are kept while it does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol

import httptools

from serving.http.budget import Budget
from serving.http.handler import Limits
from serving.http.request import Request

NO_ROOM: Final = "The requests in flight fill the server's memory for them; try again later"


class Sink(Protocol):
    """Gets what a reader reads."""

    def took(self, request: Request) -> None:
        """Takes a whole request."""

    def refuse(self, status: int, text: str) -> None:
        """Refuses the request that is being read; nothing after it is read."""

    def say_continue(self) -> None:
        """Tells the client that its body is welcome."""


class RequestReader:
    """Reads the requests of one connection, one after the other.

    Args:
        sink: Gets the requests.
        limits: The limits of one connection.
        budget: The bytes that requests may hold at once.
        now: Returns the time in seconds.
    """

    __slots__ = (
        "_began",
        "_budget",
        "_head_bytes",
        "_limits",
        "_now",
        "_offered",
        "_over",
        "_parser",
        "_reading",
        "_sink",
    )

    def __init__(self, sink: Sink, limits: Limits, budget: Budget, now: Callable[[], float]) -> None:
        self._sink: Any = sink
        self._limits = limits
        self._budget = budget
        self._now = now
        self._parser: Any = httptools.HttpRequestParser(self)
        self._reading: Request | None = None
        self._offered: Request | None = None
        self._over = False
        self._head_bytes = 0
        self._began = now()

    @property
    def reading(self) -> bool:
        """Whether a request has begun and is not complete."""
        return self._reading is not None

    def feed(self, data: bytes) -> None:
        """Parses data; its requests reach the sink before this returns."""
        size = len(data)
        while data and not self._over:
            try:
                self._parser.feed_data(data)
                break
            except httptools.HttpParserUpgrade as upgrade:
                data = self._head_again() + data[upgrade.args[0] :]
            except httptools.HttpParserError as error:
                self._refuse(400, f"Invalid HTTP request: {error}")
        request = self._reading
        if request is not None and not request.method:
            self._count_head(request, size)

    def check_time(self, now: float) -> None:
        """Refuses a request that takes too long to arrive."""
        request, limits = self._reading, self._limits
        if request is None:
            return
        passed = now - self._began
        if not request.method:
            if passed > limits.head_seconds:
                self._refuse(408, "The request's head did not arrive in time")
        elif passed > limits.body_seconds + request.body_size / limits.body_rate:
            self._refuse(408, "The request's body did not arrive in time")

    def restart_clock(self) -> None:
        """Gives the unfinished request its whole time again: nothing was read for a while."""
        self._began = self._now()

    def close(self) -> None:
        """Reads nothing more, and gives back what the unfinished request holds."""
        self._over = True
        for request in (self._reading, self._offered):
            if request is not None:
                request.share.give_back()
        self._reading = self._offered = None
        # They know this object: without this, only the garbage collector would free it.
        self._parser = self._sink = None

    # The parser's calls.

    def on_message_begin(self) -> None:
        """Starts a request, unless one was refused before."""
        self._reading = None if self._over else Request(self._budget)
        self._head_bytes = 0
        self._began = self._now()

    def on_url(self, url: bytes) -> None:
        """Adds a piece of the target."""
        if self._reading is not None:
            self._reading.url += url
            self._check_head(self._reading, len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Adds a header."""
        request = self._reading
        if request is None:
            return
        request.headers.append((name.lower(), value))
        if len(request.headers) > self._limits.headers:
            self._refuse(431, f"The request has more than {self._limits.headers} headers")
        else:
            self._check_head(request, len(name) + len(value))

    def on_headers_complete(self) -> None:
        """Finishes the head; refuses a body that is announced as too large before it is sent."""
        request = self._reading
        if request is None:
            return
        request.method = self._parser.get_method().decode("ascii")
        request.version = self._parser.get_http_version()
        if self._parser.should_upgrade():
            return
        request.share.give_back()
        self._take(request, request.head_cost())
        announced, expects = 0, False
        for name, value in request.headers:
            if name == b"content-length":
                announced = int(value)
            elif name == b"expect":
                expects = value.lower() == b"100-continue"
        if announced > self._limits.body_bytes:
            self._too_large()
        elif announced and self._reading is not None:
            self._check_room(request, announced)
        if self._reading is not None and expects:
            self._sink.say_continue()

    def on_body(self, body: bytes) -> None:
        """Adds a piece of the body."""
        request = self._reading
        if request is None:
            return
        if request.body_size + len(body) > self._limits.body_bytes:
            self._too_large()
        elif self._take(request, len(body)):
            request.add_body(body)

    def on_message_complete(self) -> None:
        """Finishes the request."""
        request, self._reading = self._reading, None
        if request is None:
            return
        if self._parser.should_upgrade():
            self._offered = request
            return
        request.keep_alive = self._parser.should_keep_alive()
        self._sink.took(request)

    # Reading.

    def _head_again(self) -> bytes:
        """Returns the head of a request that offers another protocol, without the offer, for a new parser.

        An offer of HTTP/2 or WebSocket may be ignored (RFC 9110, 7.8), but httptools takes what follows the head for
        the other protocol, although it is the request's body.
        """
        request, self._offered = self._offered, None
        if request is None or self._over:
            return b""
        self._parser = httptools.HttpRequestParser(self)
        request.share.give_back()
        if request.method == "CONNECT":
            self._refuse(400, "Invalid HTTP request: this server is no proxy, it has no CONNECT")
            return b""
        return request.head_without_offer()

    def _check_head(self, request: Request, size: int) -> None:
        request.head_size += size
        if request.head_size > self._limits.head_bytes:
            self._head_too_large()

    def _count_head(self, request: Request, size: int) -> None:
        """Counts what arrived of an incomplete head: httptools keeps a header to itself until it is complete."""
        self._head_bytes += size
        if self._head_bytes > self._limits.head_bytes:
            self._head_too_large()
            return
        request.share.give_back()
        self._take(request, request.head_cost() + self._head_bytes - request.head_size)

    def _take(self, request: Request, size: int) -> bool:
        if request.share.take(size):
            return True
        if request.share.fits(size):
            self._no_room()
        else:
            self._too_large(self._budget.total)
        return False

    def _check_room(self, request: Request, announced: int) -> None:
        """Refuses a body that is known not to fit, before the client sends it."""
        budget = self._budget
        if not request.share.fits(announced):
            self._too_large(budget.total)
        elif budget.taken + announced > budget.total:
            self._no_room()

    def _no_room(self) -> None:
        self._refuse(503, NO_ROOM)

    def _head_too_large(self) -> None:
        self._refuse(431, f"The request's head is larger than {self._limits.head_bytes} bytes")

    def _too_large(self, limit: int | None = None) -> None:
        self._refuse(
            413,
            f"The request's body is larger than {self._limits.body_bytes if limit is None else limit} bytes",
        )

    def _refuse(self, status: int, text: str) -> None:
        if self._over:
            return
        self._over = True
        if self._reading is not None:
            self._reading.share.give_back()
            self._reading = None
        self._sink.refuse(status, text)

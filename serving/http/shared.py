"""State that the connections of one server share, and how an answer is written."""

from __future__ import annotations

import time
from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from serving.http.budget import Budget
    from serving.http.connection import Connection
    from serving.http.handler import Answer, Handler, Limits

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
_CLOSE: Final = b"Connection: close\r\n\r\n"
_KEEP_ALIVE: Final = b"Connection: keep-alive\r\n\r\n"
_PLAIN_END: Final = b"\r\n"


class Shared:
    """State that the connections of one server share.

    Args:
        handler: Answers requests.
        limits: The limits of one connection.
        budget: The bytes that requests and answers may hold at once.
    """

    def __init__(self, handler: Handler, limits: Limits, budget: Budget) -> None:
        self.handler = handler
        self.limits = limits
        self.budget = budget
        self.connections: set[Connection] = set()
        self.draining = False
        self._date_second = 0
        self._date = b""

    def head(self, answer: Answer, *, version: str, keep_alive: bool) -> bytes:
        """Returns the head of an answer.

        Args:
            answer: The answer.
            version: The HTTP version of the request; a client of 1.0 has to be told that the connection stays open.
            keep_alive: Whether the connection stays open.
        """
        if not keep_alive:
            end = _CLOSE
        else:
            end = _KEEP_ALIVE if version == "1.0" else _PLAIN_END
        if answer.forwarded is not None:
            return _forwarded_head(answer, end)
        return b"".join(
            (
                _STATUS_LINES[answer.status],
                b"Content-Type: ",
                answer.content_type,
                b"\r\nContent-Length: %d\r\n" % len(answer.body),
                self._date_line(),
                _CORS if answer.cors else b"",
                answer.headers,
                end,
            )
        )

    def _date_line(self) -> bytes:
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


def _forwarded_head(answer: Answer, end: bytes) -> bytes:
    """Returns the head of another server's answer: its own lines, with this connection's length and end."""
    status, length = answer.status, len(answer.body) if answer.length is None else answer.length
    line = (
        b"HTTP/1.1 %d %b\r\n" % (status, answer.reason)
        if answer.reason or status not in _STATUS_LINES
        else _STATUS_LINES[status]
    )
    announced = b"Content-Length: %d\r\n" % length if length >= 0 else b""
    return b"".join((line, answer.forwarded or b"", answer.headers, announced, end))

"""The part of a request read so far, and what it costs in memory."""

from __future__ import annotations

from typing import Final

import httptools

from serving.http.budget import Budget, Share

_REQUEST_COST: Final = 1024
"""What a request costs before its head and body."""
_HEADER_COST: Final = 160
"""What a header costs besides its text."""
_SMALL_BYTES: Final = 4096
"""Smaller pieces of a body are joined as they arrive: each would cost more than its bytes."""


class Request:
    """The part of a request read so far.

    Args:
        budget: What the request takes its memory from.

    Attributes:
        method: The HTTP method; empty until the head is complete.
        version: Such as ``1.1``.
        url: The target's bytes.
        headers: By lower-case name.
        body_size: The bytes of the body so far.
        head_size: The bytes of the head so far.
        keep_alive: Whether the client wants to send more on this connection.
        share: What the request holds of the budget.
    """

    __slots__ = (
        "_pieces",
        "body_size",
        "head_size",
        "headers",
        "keep_alive",
        "method",
        "share",
        "url",
        "version",
    )

    def __init__(self, budget: Budget) -> None:
        self.method = ""
        self.version = "1.1"
        self.url = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self._pieces: list[bytes | bytearray] = []
        self.body_size = 0
        self.head_size = 0
        self.keep_alive = True
        self.share = Share(budget)

    def head_cost(self) -> int:
        """Returns what the head costs."""
        return _REQUEST_COST + self.head_size + _HEADER_COST * len(self.headers)

    def add_body(self, piece: bytes) -> None:
        """Adds a piece of the body."""
        self.body_size += len(piece)
        pieces = self._pieces
        if len(piece) >= _SMALL_BYTES or not pieces:
            pieces.append(piece)
        elif type(pieces[-1]) is bytearray:
            pieces[-1] += piece
        else:
            pieces.append(bytearray(piece))

    def take_body(self) -> bytes:
        """Returns the whole body and keeps nothing of it."""
        pieces, self._pieces = self._pieces, []
        if len(pieces) == 1:
            return bytes(pieces[0])  # Of bytes this is no copy.
        return b"".join(pieces)

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

    def head_without_offer(self) -> bytes:
        """Returns the head's bytes without its ``Upgrade`` header."""
        lines = [b"%b %b HTTP/%b" % (self.method.encode("ascii"), self.url, self.version.encode("ascii"))]
        lines += [name + b": " + value for name, value in self.headers if name != b"upgrade"]
        return b"\r\n".join([*lines, b"", b""])

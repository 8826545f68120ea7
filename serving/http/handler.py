"""What an HTTP server needs from its user: a handler for whole requests, and limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

JSON: Final = b"application/json"


@dataclass(slots=True)
class Answer:
    """An answer to the client.

    Attributes:
        status: The HTTP status.
        body: The whole body.
        content_type: Its type.
        cors: Whether to add the CORS headers.
        headers: More header lines, each with its line end.
        forwarded: The header lines of another server's answer, which is passed on: they stand in place of the type, the
            date and the CORS headers. None for an own answer.
        length: The length to announce, if it is not the body's (of an answer to HEAD, say); -1 announces none.
        reason: The words after the status; empty means the usual ones.
    """

    status: int
    body: bytes
    content_type: bytes = JSON
    cors: bool = False
    headers: bytes = b""
    forwarded: bytes | None = None
    length: int | None = None
    reason: bytes = b""


class Handler(Protocol):
    """Answers the requests of an HTTP server."""

    async def handle(
        self, method: str, target: str, headers: list[tuple[bytes, bytes]], body: bytes
    ) -> Answer:
        """Answers a request; raises only when it is cancelled.

        Args:
            method: The HTTP method, in capitals.
            target: Path and query as the client wrote them.
            headers: Headers by lower-case name.
            body: The whole body.
        """

    def refusal(self, status: int, text: str) -> Answer:
        """Returns the answer to a request that cannot be read."""

    def drain(self) -> None:
        """Notes that no new connection is accepted."""

    def close(self) -> None:
        """Frees the handler's resources once the last connection is closed."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one connection.

    Attributes:
        body_bytes: The largest request body; a larger one is answered with 413.
        head_bytes: Request line and headers together; a larger head is answered with 431.
        headers: How many headers a request may have; more are answered with 431.
        connections: How many connections there may be at once; None means any number. Further ones are answered with 503.
        idle_seconds: When to close a connection that neither sends nor waits for an answer.
        head_seconds: When to answer 408 to a request whose head is incomplete.
        body_seconds: When to answer 408 to a request whose body is incomplete; what has arrived prolongs it.
        body_rate: The bytes of a body that prolong its time by a second.
        stalled_seconds: When to drop a client that reads nothing of its answer.
        half_closed_seconds: When a client that has closed its side counts as gone, if its answers are not ready.
        linger_seconds: How long a client may keep sending after the last answer.
        linger_silence_seconds: When a client that sends nothing after the last answer has no more to send.
        linger_bytes: How much a client may send after the last answer.
    """

    body_bytes: int
    head_bytes: int = 64 * 1024
    headers: int = 1000
    idle_seconds: float = 75.0
    head_seconds: float = 30.0
    body_seconds: float = 30.0
    body_rate: float = 1024.0
    stalled_seconds: float = 60.0
    half_closed_seconds: float = 1.0
    linger_seconds: float = 30.0
    linger_silence_seconds: float = 1.0
    linger_bytes: int = 256 * 1024**2
    connections: int | None = None

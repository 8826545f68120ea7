"""What an HTTP server needs of those who use it: a handler for whole requests, and limits for the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

JSON: Final = b"application/json"


@dataclass(slots=True)
class Answer:
    """What goes back to the client.

    Attributes:
        status: The HTTP status.
        body: The whole body.
        content_type: Its type.
        cors: Whether the CORS headers belong to it.
    """

    status: int
    body: bytes
    content_type: bytes = JSON
    cors: bool = False


class Handler(Protocol):
    """Whatever answers the requests of an HTTP server."""

    async def handle(
        self, method: str, target: str, headers: list[tuple[bytes, bytes]], body: bytes
    ) -> Answer:
        """Answers a request; never raises, except when it is cancelled.

        Args:
            method: The HTTP method, in capitals.
            target: Path and query as the client wrote them.
            headers: Names in lower case.
            body: The whole body.
        """

    def refusal(self, status: int, text: str) -> Answer:
        """Returns the answer to a request that cannot be read."""

    def drain(self) -> None:
        """Takes note that no new connection is accepted."""

    def close(self) -> None:
        """Frees what the handler holds, once the last connection is closed."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one connection may cost.

    Attributes:
        body_bytes: The largest request body; a larger one is answered with 413.
        head_bytes: Request line and headers together; a larger head is answered with 431.
        idle_seconds: A connection that neither sends nor waits for an answer is closed after so long.
        head_seconds: A request whose head is not complete after so long is answered with 408.
        stalled_seconds: A client that does not read its answer is cut off after so long.
        half_closed_seconds: A client that has closed its side counts as gone when its answers are not ready after
            so long.
        linger_seconds: How long a client that is refused may go on sending.
    """

    body_bytes: int
    head_bytes: int = 64 * 1024
    idle_seconds: float = 75.0
    head_seconds: float = 30.0
    stalled_seconds: float = 60.0
    half_closed_seconds: float = 1.0
    linger_seconds: float = 1.0

"""What an answering gRPC server and its user exchange for each call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

Metadata = tuple[tuple[bytes, bytes], ...]


@dataclass(slots=True)
class Call:
    """One call with its whole message.

    Attributes:
        path: ``/SERVICE/METHOD``.
        metadata: By lower-case name, in their order; binary values are decoded.
        message: The message, uncompressed.
        deadline: When its client gives up, by the loop's clock; None means never.
        compressed: Whether the message came compressed.
    """

    path: bytes
    metadata: Metadata
    message: bytes
    deadline: float | None
    compressed: bool = False

    def remaining(self) -> float | None:
        """Returns how long the client waits, in seconds; None means any time."""
        if self.deadline is None:
            return None
        return self.deadline - asyncio.get_running_loop().time()

    def take_message(self) -> bytes:
        """Returns the message and keeps nothing of it."""
        message, self.message = self.message, b""
        return message


@dataclass(slots=True)
class Reply:
    """A successful answer with more than its message.

    Attributes:
        message: The message.
        trailing: Trailing metadata.
        compress: Whether to compress it in the first way that the client takes: gzip, deflate, or not at all.
        initial: Metadata to send before the message.
    """

    message: bytes
    trailing: Metadata = ()
    compress: bool = False
    initial: Metadata = ()


class CallFault(Exception):  # noqa: N818 - it becomes the status of a call
    """A status other than OK.

    Args:
        code: The gRPC code.
        message: Its text.
        trailing: Trailing metadata.
    """

    def __init__(self, code: int, message: str, trailing: Metadata = ()) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.trailing = trailing


Result = bytes | Reply
Handler = Callable[[Call], Result | Awaitable[Result] | AsyncIterator[Result]]
"""Answers a call: at once, later, or with several messages. Raises CallFault for a status other than OK."""

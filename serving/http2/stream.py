"""One stream of an HTTP/2 connection: its windows, its state, and what waits to be sent."""

from __future__ import annotations

from collections import deque
from typing import Any

Waiting = tuple[bool, "bytes | memoryview", bool]
"""Whether it is a header block, its bytes, and whether the stream ends with it."""


class Stream:
    """One stream.

    Args:
        number: Its identifier.
        send_window: How much the peer takes before it says more.
        receive_window: How much the peer may send before we say more.

    Attributes:
        number: Its identifier.
        user: Whatever the connection's user wants to find again.
        send_window: How much the peer still takes; below 0 after it made the window smaller.
        receive_window: How much the peer still may send.
        owed: How much was used since the peer was last told.
        waiting: What waits for a window or the socket, in order.
        waiting_bytes: How many bytes of data that is.
        local_ended: Whether we have sent the end, or a reset.
        remote_ended: Whether the peer has, or we have reset the stream.
        still: For how many seconds neither side made progress, as far as looked at.
    """

    __slots__ = (
        "local_ended",
        "number",
        "owed",
        "receive_window",
        "remote_ended",
        "send_window",
        "still",
        "user",
        "waiting",
        "waiting_bytes",
    )

    def __init__(self, number: int, send_window: int, receive_window: int) -> None:
        self.number = number
        self.user: Any = None
        self.send_window = send_window
        self.receive_window = receive_window
        self.owed = 0
        self.waiting: deque[Waiting] | None = None
        self.waiting_bytes = 0
        self.local_ended = self.remote_ended = False
        self.still = 0.0

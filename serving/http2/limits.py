"""What one HTTP/2 connection may hold and how often a peer may do what costs us more than it."""

from __future__ import annotations

from dataclasses import dataclass

from serving.http2 import frames


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one connection.

    Attributes:
        streams: How many streams a client may have open; a server announces it.
        window: What a peer may send on one stream before we have used it, in bytes.
        connection_window: The same for all streams together.
        header_bytes: A header block as it is sent; a peer that sends more is cut off.
        header_list_bytes: Its fields as they are read, counted as in RFC 7541, 4.1; announced.
        continuations: The frames of one header block.
        table_bytes: The dynamic table that a peer may use; announced. Anything but 0 costs a slow decoder for every
            header block: for peers that cannot do without a table.
        resets: How many streams a peer may reset, or make us reset, at once (rapid reset); its own resets count only
            while they are more than half of its calls.
        resets_per_second: How many more it may each second.
        controls: How many PING, SETTINGS, PRIORITY, unknown and empty frames a peer may send at once.
        controls_per_second: How many more it may each second.
        unread_bytes: How many bytes of answers to such frames may wait for a peer that does not read.
        handshake_seconds: When to drop a peer that has not sent its first SETTINGS, or not finished a header block.
        stalled_seconds: When to reset a stream whose peer neither sends the rest of its message nor takes ours.
        idle_seconds: When a server says goodbye to a client without streams; 0 means never.
        ping_seconds: When to ask a silent peer whether it is still there; 0 means never.
        ping_timeout_seconds: How long it may take to answer.
        age_seconds: When a server says goodbye to any client, so that it connects anew; 0 means never.
        age_grace_seconds: How long its calls may then take; 0 means as long as they want.
    """

    streams: int = 1000
    window: int = 1 << 20
    connection_window: int = 8 << 20
    header_bytes: int = 64 << 10
    header_list_bytes: int = 64 << 10
    continuations: int = 64
    table_bytes: int = 0
    resets: int = 1000
    resets_per_second: float = 100.0
    controls: int = 5000
    controls_per_second: float = 500.0
    unread_bytes: int = 256 << 10
    handshake_seconds: float = 30.0
    stalled_seconds: float = 60.0
    idle_seconds: float = 0.0
    ping_seconds: float = 7200.0
    ping_timeout_seconds: float = 20.0
    age_seconds: float = 0.0
    age_grace_seconds: float = 0.0


class Allowance:
    """How often a peer may do something: a burst, and so many more each second.

    Args:
        burst: How often at once.
        per_second: How often more, each second.
        now: The loop's time.
        what: What it does, for the error.
    """

    __slots__ = ("_burst", "_left", "_per_second", "_since", "_what")

    def __init__(self, burst: int, per_second: float, now: float, what: str) -> None:
        self._burst = burst
        self._left = float(burst)
        self._per_second = per_second
        self._since = now
        self._what = what

    def take(self, now: float) -> None:
        """Counts one.

        Raises:
            frames.ConnectionFault: It is one too many.
        """
        self._left = min(self._burst, self._left + (now - self._since) * self._per_second) - 1
        self._since = now
        if self._left < 0:
            raise frames.ConnectionFault(frames.ENHANCE_YOUR_CALM, f"too many {self._what}")

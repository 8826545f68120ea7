"""The frames of HTTP/2 (RFC 9113): their numbers, and how those without state are written."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
"""What a client sends first."""
HEAD_BYTES: Final = 9
"""The size of a frame's own head."""
LARGEST: Final = 2**31 - 1
"""The largest stream identifier, and the largest window."""
DEFAULT_WINDOW: Final = 65535
DEFAULT_FRAME_BYTES: Final = 16384
LARGEST_FRAME_BYTES: Final = 2**24 - 1

DATA: Final = 0
HEADERS: Final = 1
PRIORITY: Final = 2
RST_STREAM: Final = 3
SETTINGS: Final = 4
PUSH_PROMISE: Final = 5
PING: Final = 6
GOAWAY: Final = 7
WINDOW_UPDATE: Final = 8
CONTINUATION: Final = 9

ACK: Final = 0x1
END_STREAM: Final = 0x1
END_HEADERS: Final = 0x4
PADDED: Final = 0x8
WITH_PRIORITY: Final = 0x20

HEADER_TABLE_SIZE: Final = 1
ENABLE_PUSH: Final = 2
MAX_CONCURRENT_STREAMS: Final = 3
INITIAL_WINDOW_SIZE: Final = 4
MAX_FRAME_SIZE: Final = 5
MAX_HEADER_LIST_SIZE: Final = 6

NO_ERROR: Final = 0x0
PROTOCOL_ERROR: Final = 0x1
INTERNAL_ERROR: Final = 0x2
FLOW_CONTROL_ERROR: Final = 0x3
SETTINGS_TIMEOUT: Final = 0x4
STREAM_CLOSED: Final = 0x5
FRAME_SIZE_ERROR: Final = 0x6
REFUSED_STREAM: Final = 0x7
CANCEL: Final = 0x8
COMPRESSION_ERROR: Final = 0x9
CONNECT_ERROR: Final = 0xA
ENHANCE_YOUR_CALM: Final = 0xB
INADEQUATE_SECURITY: Final = 0xC
HTTP_1_1_REQUIRED: Final = 0xD

_HEAD: Final = struct.Struct(">HBBBI")
_pack_head: Final = _HEAD.pack
_SETTING: Final = struct.Struct(">HI")
_ONE_NUMBER: Final = struct.Struct(">HBBBII")
_TWO_NUMBERS: Final = struct.Struct(">HBBBIII")

read_head: Final = _HEAD.unpack_from
"""Reads a frame's head at a position: upper 16 and lower 8 bits of the length, type, flags, stream with reserved bit."""
SETTINGS_ACK: Final = _pack_head(0, 0, SETTINGS, ACK, 0)


class ConnectionFault(Exception):  # noqa: N818 - RFC 9113 calls it a connection error, which Python has another of
    """A fault of the peer that ends the connection.

    Args:
        code: The error code for GOAWAY.
        text: What is wrong.
    """

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class StreamFault(Exception):  # noqa: N818 - see ConnectionFault
    """A fault of the peer that ends one stream.

    Args:
        stream: The stream's identifier.
        code: The error code for RST_STREAM.
        text: What is wrong.
    """

    def __init__(self, stream: int, code: int, text: str) -> None:
        super().__init__(text)
        self.stream = stream
        self.code = code


def head(length: int, kind: int, flags: int, stream: int) -> bytes:
    """Returns the nine bytes before a payload."""
    return _pack_head(length >> 8, length & 0xFF, kind, flags, stream)


def settings(values: Mapping[int, int]) -> bytes:
    """Returns a SETTINGS frame."""
    payload = b"".join([_SETTING.pack(name, value) for name, value in values.items()])
    return head(len(payload), SETTINGS, 0, 0) + payload


def read_settings(payload: bytes) -> dict[int, int]:
    """Reads the payload of a SETTINGS frame; the last value of a name counts.

    Raises:
        ConnectionFault: Its length is wrong.
    """
    if len(payload) % 6:
        raise ConnectionFault(FRAME_SIZE_ERROR, f"SETTINGS of {len(payload)} bytes")
    return dict(_SETTING.iter_unpack(payload))


def ping(payload: bytes, *, ack: bool = False) -> bytes:
    """Returns a PING frame with eight bytes."""
    return head(8, PING, ACK if ack else 0, 0) + payload


def reset(stream: int, code: int) -> bytes:
    """Returns an RST_STREAM frame."""
    return _ONE_NUMBER.pack(0, 4, RST_STREAM, 0, stream, code)


def window_update(stream: int, size: int) -> bytes:
    """Returns a WINDOW_UPDATE frame; stream 0 is the connection."""
    return _ONE_NUMBER.pack(0, 4, WINDOW_UPDATE, 0, stream, size)


def go_away(last: int, code: int, text: bytes = b"") -> bytes:
    """Returns a GOAWAY frame."""
    length = 8 + len(text)
    return _TWO_NUMBERS.pack(length >> 8, length & 0xFF, GOAWAY, 0, 0, last, code) + text


def headers(stream: int, block: bytes, *, end: bool, largest: int = DEFAULT_FRAME_BYTES) -> bytes:
    """Returns a HEADERS frame, followed by CONTINUATION frames if the block is larger than a frame may be."""
    flags = END_STREAM if end else 0
    if len(block) <= largest:
        return head(len(block), HEADERS, flags | END_HEADERS, stream) + block
    parts = [head(largest, HEADERS, flags, stream), block[:largest]]
    for start in range(largest, len(block), largest):
        part = block[start : start + largest]
        last = start + largest >= len(block)
        parts += (head(len(part), CONTINUATION, END_HEADERS if last else 0, stream), part)
    return b"".join(parts)


def without_padding(payload: bytes) -> bytes:
    """Returns the payload of a frame with the flag PADDED without its padding.

    Raises:
        ConnectionFault: The padding is longer than the payload.
    """
    if not payload or payload[0] >= len(payload):
        raise ConnectionFault(PROTOCOL_ERROR, "more padding than payload")
    return payload[1 : len(payload) - payload[0]]

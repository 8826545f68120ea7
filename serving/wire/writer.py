"""Single values and fields in protobuf's wire format."""

from __future__ import annotations


def varint(value: int) -> bytes:
    """Writes a number from 0 to 2**64 - 1, seven bits per byte, lowest first."""
    if value < 128:
        return bytes((value,))
    pieces = bytearray()
    while value > 127:
        pieces.append(value & 127 | 128)
        value >>= 7
    pieces.append(value)
    return bytes(pieces)


def delimited(field: int, content: bytes) -> bytes:
    """Writes a field that holds bytes, text or a message."""
    return varint(field << 3 | 2) + varint(len(content)) + content


def number(field: int, value: int) -> bytes:
    """Writes a field that holds an integer; negative ones in two's complement."""
    return varint(field << 3) + varint(value & (2**64 - 1))

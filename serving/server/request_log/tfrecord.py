"""TFRecord framing: length, its checksum, the record, its checksum."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from google_crc32c import value as crc32c

_MASK_DELTA: Final = 0xA282EAD8
_HEADER: Final = struct.Struct("<QI")
_CHECKSUM: Final = struct.Struct("<I")


def framed(record: bytes) -> bytes:
    """A record as it stands in a TFRecord file."""
    length = struct.pack("<Q", len(record))
    return b"".join((length, _masked(length), record, _masked(record)))


def records(content: bytes) -> Iterator[bytes]:
    """The records of a TFRecord file, in order.

    Raises:
        ValueError: The framing is broken or a checksum is wrong; the records before it were given out.
    """
    position = 0
    while position < len(content):
        header = content[position : position + _HEADER.size]
        start, end = position + _HEADER.size, len(content)
        if len(header) == _HEADER.size:
            length, checksum = _HEADER.unpack(header)
            end = start + length
            if _masked(header[:8]) == _CHECKSUM.pack(checksum) and end + _CHECKSUM.size <= len(content):
                record = content[start:end]
                position = end + _CHECKSUM.size
                if _masked(record) == content[end:position]:
                    yield record
                    continue
        raise ValueError(f"corrupted record at {start - _HEADER.size}")


def _masked(content: bytes) -> bytes:
    checksum = crc32c(content)
    return _CHECKSUM.pack(((checksum >> 15 | checksum << 17) + _MASK_DELTA) & 0xFFFFFFFF)

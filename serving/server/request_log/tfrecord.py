"""TFRecord framing: length, its checksum, the record, its checksum."""

from __future__ import annotations

import struct
from typing import Final

from google_crc32c import value as crc32c

_MASK_DELTA: Final = 0xA282EAD8


def framed(record: bytes) -> bytes:
    """A record as it stands in a TFRecord file."""
    length = struct.pack("<Q", len(record))
    return b"".join((length, _masked(length), record, _masked(record)))


def _masked(content: bytes) -> bytes:
    checksum = crc32c(content)
    return struct.pack("<I", ((checksum >> 15 | checksum << 17) + _MASK_DELTA) & 0xFFFFFFFF)

"""Writing gz TFRecord shards a batch at a time, in own framing: one zlib call for a batch, at the fast level."""

from __future__ import annotations

import struct
import zlib
from functools import lru_cache
from pathlib import Path

from google_crc32c import value as crc32c

GZ_LEVEL = 1
"""Twice as fast as the default for a tenth more bytes."""
_MASK_DELTA = 0xA282EAD8


class ShardWriter:
    """One gz TFRecord file that grows batch by batch.

    Args:
        path: The file; it must not be one that others read yet.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.rows = path, 0
        self._file = path.open("wb")
        self._gz = zlib.compressobj(GZ_LEVEL, zlib.DEFLATED, 31)

    def write(self, records: list[bytes]) -> None:
        """Appends serialized records."""
        self._file.write(self._gz.compress(b"".join([_framed(record) for record in records])))
        self.rows += len(records)

    def close(self) -> None:
        """Writes what is left, and the end mark."""
        self._file.write(self._gz.flush())
        self._file.close()

    def abort(self) -> None:
        """Removes the file."""
        self._file.close()
        self.path.unlink(missing_ok=True)


def _framed(record: bytes) -> bytes:
    return b"".join((_header(len(record)), record, struct.pack("<I", _masked(crc32c(record)))))


@lru_cache(maxsize=4096)
def _header(length: int) -> bytes:
    size = struct.pack("<Q", length)
    return size + struct.pack("<I", _masked(crc32c(size)))


def _masked(crc: int) -> int:
    return (((crc >> 15) | (crc << 17)) + _MASK_DELTA) & 0xFFFFFFFF

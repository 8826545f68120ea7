"""TFRecord framing without TensorFlow: the length, its masked CRC-32C, the record, the record's masked CRC-32C."""

from __future__ import annotations

import gzip
import io
import struct
import zlib
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

from google_crc32c import value as crc32c

from foundation.errors import DataError

_LENGTH = struct.Struct("<Q")
_CHECKSUM = struct.Struct("<I")
_HEADER_BYTES = _LENGTH.size + _CHECKSUM.size
_MASK_DELTA = 0xA282EAD8


def framed(record: bytes) -> bytes:
    """Returns a record as a TFRecord file holds it."""
    return b"".join((_header(len(record)), record, _masked(record)))


def framed_batch(records: Iterable[bytes]) -> bytes:
    """Returns records, one after the other, as a TFRecord file holds them."""
    return b"".join([framed(record) for record in records])


def read_records(source: bytes | io.BufferedIOBase) -> Iterator[bytes]:
    """Yields the records of a TFRecord file, in order.

    Args:
        source: The file's content, or the file opened for reading.

    Raises:
        ValueError: The framing is broken or a checksum is wrong; the records before it were yielded.
    """
    file = io.BytesIO(source) if isinstance(source, bytes) else source
    place = 0
    while header := file.read(_HEADER_BYTES):
        record = _read_one(header, file)
        if record is None:
            raise ValueError(f"corrupted record at {place}")
        yield record
        place += _HEADER_BYTES + len(record) + _CHECKSUM.size


def read_gz(path: Path) -> Iterator[bytes]:
    """Yields the records of a gzip TFRecord file, in order.

    Raises:
        DataError: The file is damaged, or cannot be read.
    """
    try:
        with gzip.open(path) as file:
            yield from read_records(file)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise DataError(f"{path}", expected="a gzip TFRecord file", seen=str(error)) from error


def _read_one(header: bytes, file: io.BufferedIOBase) -> bytes | None:
    """Reads the record that follows a header; the length is trusted only when its checksum is right."""
    length = header[: _LENGTH.size]
    if len(header) < _HEADER_BYTES or _masked(length) != header[_LENGTH.size :]:
        return None
    size: int = _LENGTH.unpack(length)[0]
    record = file.read(size)
    if len(record) < size or _masked(record) != file.read(_CHECKSUM.size):
        return None
    return record


@lru_cache(maxsize=4096)
def _header(size: int) -> bytes:
    length = _LENGTH.pack(size)
    return length + _masked(length)


def _masked(content: bytes) -> bytes:
    """Returns the checksum of content as TFRecord files hold it: rotated and shifted, so that it is not its own CRC."""
    crc = crc32c(content)
    return _CHECKSUM.pack(((crc >> 15 | crc << 17) + _MASK_DELTA) & 0xFFFFFFFF)

"""Checks a CRC-64/XZ at C speed with the standard library alone.

Python has no function for this checksum, but ``lzma`` verifies it in .xz files. So the bytes are wrapped into an .xz
stream of uncompressed chunks with the expected checksum, and the decoder says whether it is right.
Format: https://tukaani.org/xz/xz-file-format.txt
"""

from __future__ import annotations

import lzma
import struct
import zlib

_CHECK_CRC64 = b"\x00\x04"
_STREAM_HEADER = b"\xfd7zXZ\x00" + _CHECK_CRC64 + struct.pack("<I", zlib.crc32(_CHECK_CRC64))
_BLOCK = b"\x02\x00\x21\x01\x00\x00\x00\x00"  # 12 bytes long, one filter: LZMA2 with the smallest dictionary
_BLOCK_HEADER = _BLOCK + struct.pack("<I", zlib.crc32(_BLOCK))
_CHUNK = 2**16


class Crc64Check:
    """Takes bytes piece by piece and finally checks their CRC-64/XZ."""

    def __init__(self) -> None:
        self._decoder = lzma.LZMADecompressor(lzma.FORMAT_XZ)
        self._decoder.decompress(_STREAM_HEADER + _BLOCK_HEADER)
        self._length, self._first = 0, True

    def update(self, data: bytes) -> None:
        """Adds the next bytes."""
        for start in range(0, len(data), _CHUNK):
            piece = data[start : start + _CHUNK]
            mark = b"\x01" if self._first else b"\x02"
            self._decoder.decompress(mark + struct.pack(">H", len(piece) - 1) + piece)
            self._length += 3 + len(piece)
            self._first = False

    def matches(self, expected: int) -> bool:
        """Ends the stream; returns whether all bytes have this checksum, signed or unsigned."""
        padding = b"\x00" * (-(self._length + 1) % 4)
        check = struct.pack("<Q", expected % 2**64)
        try:
            self._decoder.decompress(b"\x00" + padding + check)
        except lzma.LZMAError:
            return False
        return True

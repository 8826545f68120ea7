"""Checks that the documents of a file are all of its bytes, by counting bytes where no parser is involved."""

from __future__ import annotations

from typing import IO

from components.exports.formats.base import Block, Part
from foundation.errors import DataError


class Witness:
    """A stream that counts the bytes which must be in a document.

    Args:
        stream: The opened file.
        between: Bytes that may stand between documents; they are counted nowhere.
    """

    def __init__(self, stream: IO[bytes], between: bytes) -> None:
        self._stream, self._between = stream, between
        self._read = self._seen = self._read_whole = self._seen_whole = 0

    def read(self, size: int = -1) -> bytes:
        """Reads from the stream."""
        data = self._stream.read(size)
        self._read += self._count(data)
        self._read_whole += len(data)
        return data

    def saw(self, block: Block) -> None:
        """Counts the bytes of a block."""
        self._seen += self._count(b"".join(block.documents)) + self._count(block.lead)
        self._seen_whole += block.span or 0

    def _count(self, data: bytes) -> int:
        return len(data.translate(None, self._between)) if self._between else len(data)

    def check(self, part: Part) -> None:
        """Checks the counts at the end of the file.

        Raises:
            DataError: Bytes were read that are in no document: an internal error.
        """
        if self._read != self._seen or self._read_whole != self._seen_whole:
            raise DataError(
                f"export file {part.name}",
                expected=f"{self._read} of its {self._read_whole} bytes in documents, the others between them",
                seen=f"{self._seen} of {self._seen_whole}",
                remedy="this is an internal error: please report it",
            )

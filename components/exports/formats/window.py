"""Reads a text in stretches, and cuts each into documents; what needs more text waits for the next stretch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import IO

from components.exports.formats import base
from components.exports.formats.base import Block
from components.exports.streams import read_guarded
from foundation.storage import Location


@dataclass
class Pieces:
    """The documents of a stretch of text."""

    documents: list[bytes] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    """Where each begins, from the beginning of the text."""
    end: int = 0
    """How much of the text they take, with what is between them; the rest needs what follows."""

    def take(self, document: bytes, offset: int) -> None:
        """Adds a document."""
        self.documents.append(document)
        self.offsets.append(offset)


Cut = Callable[[bytes, bool, int], Pieces]
"""Cuts text that begins with a document; takes the text, whether nothing follows, and after how many bytes to stop."""


class Window:
    """Bytes of a stream that were read and not yet given away.

    Args:
        stream: The opened file.
        path: The file, for messages.
    """

    def __init__(self, stream: IO[bytes], path: Location) -> None:
        self._stream, self._path = stream, path
        self.text = b""
        self.begin = 0
        """Offset of the first byte in the decompressed file."""
        self.ended = False
        """Whether nothing comes after it."""
        self._wanted = base.BLOCK_BYTES

    def fill(self) -> None:
        """Reads a block more, or as much again as there is: what needs many fills is not scanned many times."""
        chunk = read_guarded(self._stream, max(self._wanted, len(self.text)), self._path)
        self.ended = not chunk
        self.text += chunk

    def drop(self, size: int) -> None:
        """Gives the first bytes away."""
        self.text, self.begin = self.text[size:], self.begin + size

    def lines(self) -> bytes:
        """Returns the whole lines of the text; a line may end with CR, LF or both."""
        if self.ended:
            return self.text
        return self.text[: max(self.text.rfind(b"\n"), self.text.rfind(b"\r")) + 1]

    def blocks(self, cut: Cut, first: Block, by_line: bool) -> Iterator[Block]:
        """Yields the rest of the stream as blocks, which together take every byte of it.

        Args:
            cut: Cuts a text.
            first: What the blocks have in common; its lead, which was taken off already, goes to the first of them.
            by_line: Whether to show ``cut`` whole lines only.
        """
        begin = self.begin - len(first.lead)
        while True:
            found = cut(self.lines() if by_line else self.text, self.ended, self._wanted)
            if found.documents:
                offsets = [self.begin + offset for offset in found.offsets]
                after = self.begin + found.end
                yield replace(
                    first, documents=found.documents, offset=offsets[0], offsets=offsets, span=after - begin
                )
                self._wanted = base.next_block_bytes(len(offsets), after - begin)
                begin, first = after, replace(first, lead=b"")
            self.drop(found.end)
            if self.ended and not self.text:
                break
            if not self.ended and (not found.end or not self.text):
                self.fill()
        if begin < self.begin:
            yield replace(first, documents=[], offset=begin, offsets=[], span=self.begin - begin)

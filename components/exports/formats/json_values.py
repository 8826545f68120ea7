"""JSON that is not one document per line: an array, or consecutive documents over several lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import IO

from components.exports.formats import base
from components.exports.formats.base import BOM, MAX_TEXT_DOCUMENT, Block, Format, Part
from components.exports.formats.jsonl import decoder, is_pretty
from components.exports.streams import read_guarded
from foundation.errors import DataError
from foundation.storage import Location

_TOKENS = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}]|"', re.DOTALL)


class _ValueScanner:
    """Finds the top-level objects of a JSON array or of concatenated values, chunk by chunk."""

    def __init__(self, part: Part) -> None:
        self.part, self.buffer, self.base = part, b"", 0
        self.depth, self.place, self.start, self.after = 0, 0, 0, 0
        self.outside = b""

    def feed(self, chunk: bytes) -> tuple[list[bytes], list[int]]:
        """Adds bytes; returns the objects now complete, including stray text, and their offsets."""
        self.buffer += chunk
        documents: list[bytes] = []
        offsets: list[int] = []
        for token in _TOKENS.finditer(self.buffer, self.place):
            text = token.group()
            if text == b'"':
                break
            self.place = token.end()
            if text == b"{" and self.depth == 0:
                self._stray(token.start(), documents, offsets)
                self.start = token.start()
            if text == b"{":
                self.depth += 1
            elif text == b"}" and self.depth:
                self.depth -= 1
                if not self.depth:
                    documents.append(self.buffer[self.start : token.end()])
                    offsets.append(self.base + self.start)
                    self.after = token.end()
        self._forget()
        return documents, offsets

    def finish(self) -> tuple[list[bytes], list[int]]:
        """Checks that nothing is truncated; returns stray text at the end.

        Raises:
            DataError: The file ends inside a document or before the array's closing bracket.
        """
        documents: list[bytes] = []
        offsets: list[int] = []
        if self.depth:
            raise self._truncated(self.base + self.start)
        self._stray(len(self.buffer), documents, offsets)
        if self.outside.startswith(b"[") and not self.outside.endswith(b"]"):
            raise self._truncated(self.base + len(self.buffer))
        return documents, offsets

    def _stray(self, end: int, documents: list[bytes], offsets: list[int]) -> None:
        between = self.buffer[self.after : end].removeprefix(BOM)
        rest = between.strip(b" \t\r\n,[]")
        if rest:
            documents.append(rest)
            offsets.append(self.base + self.after)
        marks = re.sub(rb"[^\[\]]", b"", between) if not rest else b""
        self.outside = (self.outside[:1] or marks[:1]) + (marks[-1:] or b",")

    def _forget(self) -> None:
        keep = self.start if self.depth else self.after
        self.buffer, self.base = self.buffer[keep:], self.base + keep
        self.place, self.start, self.after = (
            max(0, self.place - keep),
            self.start - keep,
            max(0, self.after - keep),
        )
        if self.depth and len(self.buffer) > MAX_TEXT_DOCUMENT:
            raise self._truncated(self.base + self.start)

    def _truncated(self, offset: int) -> DataError:
        return DataError(
            f"export file {self.part.name}, byte {offset}",
            expected="a complete document or array",
            seen="the end of the file, or over 128 MiB, in its middle",
            remedy="export the file again; JSON lines (mongoexport without --jsonArray) lose one document at most",
        )


def _blocks(stream: IO[bytes], path: Location, part: Part) -> Iterator[Block]:
    scanner = _ValueScanner(part)
    while True:
        chunk = read_guarded(stream, base.BLOCK_BYTES, path)
        documents, offsets = scanner.feed(chunk) if chunk else scanner.finish()
        if documents:
            yield Block(documents, offsets[0], offsets)
        if not chunk:
            return


JSON_ARRAY = Format(
    "json_array",
    "a JSON array",
    recognises=lambda head: head.lstrip().startswith(b"["),
    blocks=_blocks,
    decoder=decoder,
    encoding="json",
)
JSON_PRETTY = Format(
    "json_pretty",
    "JSON over several lines",
    recognises=is_pretty,
    blocks=_blocks,
    decoder=decoder,
    encoding="json",
    declarable=False,
)

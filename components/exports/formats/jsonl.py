"""JSON lines: one document per line, as ``mongoexport`` writes them."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import IO

from components.exports.formats import base
from components.exports.formats.base import BOM, Block, FileFormat, Format, Parse, Part
from components.exports.streams import read_guarded
from foundation.storage import Location


def decoder(block: Block) -> tuple[Parse, bool]:
    """Returns the parser of Extended JSON, which does not unwrap leaves."""
    from components.exports.documents import from_json  # imported late: recognition needs no parser

    return from_json, True


def is_pretty(head: bytes) -> bool:
    """Returns whether the first document spans several lines."""
    return head.lstrip().split(b"\n", 1)[0].strip() == b"{"


def _recognises(head: bytes) -> bool:
    text = head.lstrip()
    if text.startswith((b"{", b"[")):
        return text.startswith(b"{") and not is_pretty(head)
    lines = [line.strip() for line in text.split(b"\n")[:20]]
    return any(line.startswith(b'{"') and _is_json(line) for line in lines)


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _cut(path: Location, name: str, found: FileFormat) -> Iterator[tuple[Part, int]]:
    """Yields byte ranges of a plain file; a reader takes the lines that begin in its range."""
    if found.compression != "none":
        yield from base.cut_stripes(path, name, found)
        return
    size = path.stat().st_size
    pieces = max(1, round(size / base.ITEM_BYTES))
    for start, end in itertools.pairwise(size * i // pieces for i in range(pieces + 1)):
        yield Part(str(path), name, found, start, end), end - start


def _blocks(stream: IO[bytes], path: Location, part: Part) -> Iterator[Block]:
    position = part.start
    if part.start:
        stream.seek(part.start - 1)
        position += len(read_guarded(stream, 0, path, line=True)) - 1
    while not part.end or position < part.end:
        size = min(base.BLOCK_BYTES, part.end - position) if part.end else base.BLOCK_BYTES
        data = read_guarded(stream, size, path)
        if not data:
            return
        if not data.endswith(b"\n"):
            data += read_guarded(stream, 0, path, line=True)
        length, skipped = len(data), 0
        if position == 0 and data.startswith(BOM):
            data, skipped = data[len(BOM) :], len(BOM)
        documents = data.split(b"\n")
        if not documents[-1]:
            documents.pop()
        yield Block(documents, position + skipped)
        position += length


JSON_LINES = Format(
    "jsonl", "JSON lines", recognises=_recognises, blocks=_blocks, decoder=decoder, encoding="json", cut=_cut
)

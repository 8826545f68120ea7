"""JSON that is not one document per line: an array, or consecutive documents over one or several lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

from components.exports.formats.base import BOM, Block, Format, Part
from components.exports.formats.json_documents import DocumentCutter
from components.exports.formats.jsonl import decoder, is_pretty
from components.exports.formats.window import Window
from foundation.storage import Location

_BETWEEN = b" \t\r\n\v\f,[]" + BOM


def _blocks(stream: IO[bytes], path: Location, part: Part) -> Iterator[Block]:
    return Window(stream, path).blocks(DocumentCutter(part).cut, Block([], 0), by_line=False)


JSON_ARRAY = Format(
    "json_array",
    "a JSON array",
    recognises=lambda head: head.lstrip().startswith(b"["),
    blocks=_blocks,
    decoder=decoder,
    encoding="json",
    between=_BETWEEN,
    counts_bytes=True,
)
JSON_PRETTY = Format(
    "json_pretty",
    "JSON over several lines",
    recognises=is_pretty,
    blocks=_blocks,
    decoder=decoder,
    encoding="json",
    between=_BETWEEN,
    counts_bytes=True,
    declarable=False,
)

"""JSON lines: one document per line, as ``mongoexport`` writes them."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from functools import cache
from typing import IO

from components.exports.formats import base
from components.exports.formats.base import (
    BOM,
    MAX_TEXT_DOCUMENT,
    Block,
    FileFormat,
    Format,
    Parse,
    Part,
)
from components.exports.formats.json_grammar import DOCUMENT
from components.exports.streams import read_guarded
from foundation.errors import DataError
from foundation.storage import Location

_JOINT = re.compile(rb"\}[ \t\r]?\{")
"""What stands between two documents on one line, and otherwise only inside texts."""
_LONG_LINE = 2**15


@cache
def _whole() -> re.Pattern[bytes]:
    """Returns what matches a document and the spaces around it; compiled on first use."""
    return re.compile(rb"[ \t\r]*+(" + DOCUMENT + rb")[ \t\r]*+", re.DOTALL)


def decoder(block: Block) -> tuple[Parse, bool]:
    """Returns the parser of Extended JSON, which does not unwrap leaves."""
    from components.exports.documents import from_json  # imported late: recognition needs no parser

    return from_json, True


def is_pretty(head: bytes) -> bool:
    """Returns whether the first document spans several lines, or documents follow each other on one line."""
    line, *below = (part.strip() for part in head.lstrip().split(b"\n", 1))
    first = _whole().match(line)
    follows = first is not None and line.startswith(b"{", first.end())
    goes_on = line == b"{" or (bool(below) and line.startswith(b"{") and line.endswith((b"{", b"[", b",")))
    is_long = line.startswith(b"{") and len(line) >= _LONG_LINE
    return goes_on or follows or (is_long and len(_JOINT.findall(line)) > 2)


def _several(line: bytes) -> list[tuple[int, bytes]]:
    """Returns the documents that follow each other on a line, and what is between them, each with its place."""
    found: list[tuple[int, bytes]] = []
    place = 0
    while place < len(line):
        document = _sound(line, place)
        if document:
            found.append((document.start(1), document[1]))
            place = document.end()
            continue
        joints = _JOINT.finditer(line, place)
        end = next((joint.end() - 1 for joint in joints if _sound(line, joint.end() - 1)), len(line))
        found.append((place, line[place:end]))
        place = end
    return found if len(found) > 1 else [(0, line)]


def _sound(line: bytes, place: int) -> re.Match[bytes] | None:
    """Returns the document at a place, if it is followed by another or by the end of the line."""
    found = _whole().match(line, place)
    return found if found and line[found.end() : found.end() + 1] in (b"", b"{") else None


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
        position += len(_rest_of_line(stream, path, part, position)) - 1
    wanted = base.BLOCK_BYTES
    while not part.end or position < part.end:
        size = min(wanted, part.end - position) if part.end else wanted
        data = read_guarded(stream, size, path)
        if not data:
            return
        if not data.endswith(b"\n"):
            data += _rest_of_line(stream, path, part, position)
        length, skipped = len(data), 0
        if position == 0 and data.startswith(BOM):
            data, skipped = data[len(BOM) :], len(BOM)
        documents = data.split(b"\n")
        if not documents[-1]:
            documents.pop()
        offsets = None
        if _JOINT.search(data):
            documents, offsets = _taken_apart(documents, position + skipped)
        yield Block(documents, position + skipped, offsets, span=length)
        position += length
        wanted = base.next_block_bytes(len(documents), length)


def _taken_apart(lines: list[bytes], offset: int) -> tuple[list[bytes], list[int] | None]:
    """Takes lines apart that hold several documents; returns all documents, and their offsets if a line was one."""
    documents: list[bytes] = []
    offsets: list[int] = []
    for line in lines:
        found = _several(line) if _JOINT.search(line) else [(0, line)]
        documents += [document for _, document in found]
        offsets += [offset + place for place, _ in found]
        offset += len(line) + 1
    return documents, offsets if len(documents) > len(lines) else None


def _rest_of_line(stream: IO[bytes], path: Location, part: Part, position: int) -> bytes:
    line = read_guarded(stream, MAX_TEXT_DOCUMENT, path, line=True)
    if len(line) == MAX_TEXT_DOCUMENT and not line.endswith(b"\n"):
        raise DataError(
            f"export file {part.name}, near byte {position}",
            expected="lines of one document each",
            seen="a line over 128 MiB, more than a document of MongoDB can take",
            remedy="export with mongoexport without --jsonArray, or set data.format to json_array if it is an array",
        )
    return line


JSON_LINES = Format(
    "jsonl",
    "JSON lines",
    recognises=_recognises,
    blocks=_blocks,
    decoder=decoder,
    encoding="json",
    cut=_cut,
    counts_bytes=True,
)

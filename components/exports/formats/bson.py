"""BSON: consecutive documents, as ``mongodump`` writes a collection."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

from components.exports.formats import base
from components.exports.formats.base import BSON_MAX_BYTES, Block, Format, Parse, Part
from components.exports.streams import read_guarded
from foundation.errors import DataError
from foundation.storage import Location


def decoder(block: Block) -> tuple[Parse, bool]:
    """Returns the decoder of BSON."""
    from components.exports.documents import from_bson  # imported late: recognition needs no driver

    return from_bson, False


def _blocks(stream: IO[bytes], path: Location, part: Part) -> Iterator[Block]:
    buffer, begin = b"", 0
    wanted = base.BLOCK_BYTES
    while True:
        chunk = read_guarded(stream, wanted, path)
        buffer += chunk
        documents, offsets, place = [], [], 0
        while place + 4 <= len(buffer):
            size = int.from_bytes(buffer[place : place + 4], "little")
            if not 5 <= size <= BSON_MAX_BYTES:
                raise _broken_bson(part, begin + place, f"a document length of {size} bytes")
            if place + size > len(buffer):
                break
            documents.append(buffer[place : place + size])
            offsets.append(begin + place)
            place += size
        if documents:
            yield Block(documents, offsets[0], offsets, span=place)
            wanted = base.next_block_bytes(len(documents), place)
        buffer, begin = buffer[place:], begin + place
        if not chunk:
            break
    if buffer:
        raise _broken_bson(part, begin, "the end of the file in the middle of a document")


def _check_bad(part: Part, block: Block, index: int) -> None:
    """Checks that a bad document is one: a damaged length may have joined it with those after it.

    Raises:
        DataError: Sound documents are inside it.
    """
    from bson import decode_all

    raw = block.documents[index]
    for place in range(5, len(raw) - 4):
        size = int.from_bytes(raw[place : place + 4], "little")
        if not 5 <= size <= len(raw) - place or raw[place + size - 1]:
            continue
        try:
            decode_all(raw[place:])
        except Exception:  # noqa: BLE001 - no document begins here, whatever the driver says of it
            continue
        raise _broken_bson(part, block.offset_of(index), "a document length that takes in documents after it")


def _broken_bson(part: Part, offset: int, seen: str) -> DataError:
    return DataError(
        f"export file {part.name}, byte {offset}",
        expected="a whole BSON document",
        seen=seen,
        remedy="dump or copy the file again; nothing of it was used",
    )


BSON = Format(
    "bson",
    "mongodump BSON",
    recognises=lambda head: len(head) >= 5 and 5 <= int.from_bytes(head[:4], "little") <= BSON_MAX_BYTES,
    blocks=_blocks,
    decoder=decoder,
    encoding="bson",
    suffix="bson",
    between=b"",
    counts_bytes=True,
    check_bad=_check_bad,
)

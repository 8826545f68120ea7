"""Parquet, from Atlas ``$out`` and warehouses; a single row is Extended JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

from components.exports.formats.base import Block, Format, Part
from components.exports.formats.jsonl import decoder
from foundation.storage import Location


def _blocks(stream: IO[bytes], path: Location, part: Part) -> Iterator[Block]:
    from components.exports.parquet_rows import read_batches  # imported late: other formats need no Arrow

    for first, rows in read_batches(stream, path, part.name, part.stripe, part.stripes):
        yield Block(rows, first, range(first, first + len(rows)))


PARQUET = Format(
    "parquet",
    "Parquet",
    recognises=lambda head: head.startswith(b"PAR1"),
    blocks=_blocks,
    decoder=decoder,
    encoding="table",
    certain=True,
)

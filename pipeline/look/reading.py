"""Reads an export's documents in blocks, all or from a dozen places; parses them and counts bad ones."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from components.exports.blocks import WorkItem, check_bad, plan_items, read_part, recognise_all
from components.exports.formats import FORMATS
from components.exports.formats.base import BadDocumentError, Block, Part
from components.exports.readers import sampled_parts
from components.exports.source import resolve
from foundation.storage import is_remote

_SPANS = {
    "{SPAN}": re.compile(r"\d+", re.ASCII),
    "{YYYY}-{MM}-{DD}": re.compile(r"\d{4}-\d\d-\d\d", re.ASCII),
}
"""Placeholders of a span → the names of folders that are spans of such a pattern."""


@dataclass(frozen=True)
class Source:
    """The files of an export."""

    pattern: str
    items: list[WorkItem]
    files: int
    bytes: int
    format: str
    """The format in words."""
    all_text: bool
    """Whether all values are texts, as in CSV."""
    compressed: bool
    remote: bool
    """Whether it is in a store."""


@dataclass(frozen=True)
class Parsed:
    """The documents of one block."""

    documents: list[dict[str, Any]]
    wrapped: bool
    """Whether their leaves are still Extended JSON."""
    sizes: list[int]
    """Bytes of each document in the file."""
    bad: int
    """Number of unreadable documents."""
    taken: float
    """Bytes of the decompressed file that all these documents take, with what is between them."""


def as_pattern(export: Path) -> str:
    """Returns a path as a pattern that matches only it; a folder of folders that are numbers or days holds spans."""
    escaped = glob.escape(str(export))
    below = [entry for entry in export.iterdir() if not entry.name.startswith(".")] if export.is_dir() else []
    if not below or not all(entry.is_dir() for entry in below):
        return escaped
    spans = (span for span, names in _SPANS.items() if all(names.fullmatch(entry.name) for entry in below))
    return "/".join([escaped, *spans])


def open_export(export: str, span: int | str = "latest") -> Source:
    """Finds the files of an export and detects their format.

    Args:
        export: A path, a pattern as in ``data.mongo_export``, or an address under ``s3://`` or ``gs://``.
        span: The span to read.

    Raises:
        DataError: There are no files, or they cannot be read.
        StorageError: A file or store cannot be read.
    """
    here = Path(export)
    path_means_itself = not is_remote(export) and (here.exists() or not set(export) & set("*?[{"))
    pattern = as_pattern(here.absolute()) if path_means_itself else export
    base = Path.cwd()
    resolved = resolve(pattern, base, span)
    pairs = zip(resolved.absolute_paths(base), resolved.files, strict=True)
    known = recognise_all([(path, info.path) for path, info in pairs], "auto")
    first = known[0][2]
    packed = "" if first.compression == "none" else f", {first.compression}"
    dialect = "" if first.dialect == "none" else f" ({first.dialect} Extended JSON)"
    return Source(
        pattern=pattern,
        items=plan_items(known),
        files=len(resolved.files),
        bytes=sum(info.size for info in resolved.files),
        format=f"{first.kind}{dialect}{packed}",
        all_text=FORMATS[first.kind].encoding == "text",
        compressed=first.compression != "none" or FORMATS[first.kind].encoding == "table",
        remote=is_remote(pattern),
    )


def blocks(source: Source, limit: int | None) -> Iterator[Parsed]:
    """Yields an export's documents.

    Args:
        source: The export.
        limit: Maximum number of documents, taken from up to a dozen places; None: all.

    Raises:
        DataError: A file is truncated or damaged.
    """
    if limit is None:
        for part in whole_parts(source):
            yield from part_blocks(part)
        return
    parts = list(sampled_parts(source.items))
    each, left = -(-limit // len(parts)), limit
    for part in parts:
        wanted = min(each, left)
        for block in read_part(part):
            if wanted <= 0:
                break
            parsed = parse_block(block, part, wanted)
            wanted -= len(parsed.documents)
            left -= len(parsed.documents)
            yield parsed


def whole_parts(source: Source) -> list[Part]:
    """Returns the parts that make up the export; a file that cannot be split is one part."""
    parts = [part for item in source.items for part in item.parts if part.stripe == 0]
    return [replace(part, stripes=1) for part in parts]


def part_blocks(part: Part) -> Iterator[Parsed]:
    """Yields all documents of a part."""
    return (parse_block(block, part, None) for block in read_part(part))


def parse_block(block: Block, part: Part, limit: int | None) -> Parsed:
    """Parses a block's documents, or the first of them.

    Raises:
        DataError: A bad document shows that the file cannot be trusted.
    """
    parse, wrapped = FORMATS[part.format.kind].decoder(block)
    documents: list[dict[str, Any]] = []
    sizes: list[int] = []
    bad = 0
    between, taken = _between(block), 0.0
    for index, raw in enumerate(block.documents):
        if limit is not None and len(documents) >= limit:
            break
        taken += len(raw) + between
        if not raw.strip():
            continue
        try:
            documents.append(parse(raw))
        except BadDocumentError:
            check_bad(part, block, [index])
            bad += 1
        else:
            sizes.append(len(raw))
    return Parsed(documents, wrapped, sizes, bad, taken)


def _between(block: Block) -> float:
    """Returns the bytes between two documents of a block, such as a line break, on average."""
    if block.span is not None and block.documents:
        return max(
            0.0, (block.span - len(block.lead) - sum(map(len, block.documents))) / len(block.documents)
        )
    return 1.0 if block.offsets is None else 0.0

"""Reads an export's documents without running a pipeline: for ``penstock init`` and for the sample before the main pass.

Imports neither TensorFlow, Beam nor Arrow.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from components.exports import extended_json
from components.exports.blocks import WorkItem, plan_items, read_part, recognise_all
from components.exports.formats import FORMATS
from components.exports.formats.base import BadDocumentError, Part
from components.exports.source import resolve

SAMPLED_PARTS = 12
_PLACES_IN_FILE = 4


def sample_documents(
    pattern: str, base_folder: Path, limit: int = 1000, span: int | str = "latest", format: str = "auto"
) -> Iterator[dict[str, Any]]:
    """Yields decoded documents of an export, skipping bad ones.

    Values have the types of ``bson``: ``ObjectId``, ``DatetimeMS``, ``Decimal128`` and so on; CSV cells are text.

    Args:
        pattern: As in ``data.mongo_export``.
        base_folder: Folder that the pattern is relative to.
        limit: Most documents to yield, taken from several places in the export.
        span: Which span.
        format: ``data.format``.

    Raises:
        DataError: The export does not exist, is empty or cannot be read.
    """
    resolved = resolve(pattern, base_folder, span)
    files = [
        (path, info.path)
        for path, info in zip(resolved.absolute_paths(Path(base_folder)), resolved.files, strict=True)
    ]
    items = plan_items(recognise_all(files, format))
    blocks = list(sampled_parts(items))
    each = -(-limit // len(blocks))
    left = limit
    for part in blocks:
        for document in _decoded(part, min(each, left)):
            left -= 1
            yield document


def _decoded(part: Part, limit: int) -> Iterator[dict[str, Any]]:
    for block in read_part(part):
        parse, wrapped = FORMATS[part.format.kind].decoder(block)
        for raw in block.documents:
            if limit <= 0:
                return
            if not raw.strip():
                continue
            try:
                document = parse(raw)
                decoded = extended_json.decode_document(document) if wrapped else document
            except (BadDocumentError, extended_json.ExtendedJsonError):
                continue  # a sample shows typical documents; the run counts and keeps bad ones
            limit -= 1
            yield decoded


def sampled_parts(items: list[WorkItem]) -> Iterator[Part]:
    """Yields about a dozen places in an export to start reading from, in order."""
    parts = [part for item in items for part in item.parts if part.stripe == 0]
    step = max(1, len(parts) // SAMPLED_PARTS)
    for part in parts[::step]:
        size = part.end - part.start
        if len(parts) > SAMPLED_PARTS // 2 or size < 4 * 2**20:
            yield part
            continue
        places = [part.start + size * place // _PLACES_IN_FILE for place in range(_PLACES_IN_FILE + 1)]
        for start, end in itertools.pairwise(places):  # a few large files: sample inside them too
            yield replace(part, start=start, end=end)  # up to the next, or documents would be read twice

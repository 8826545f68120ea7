"""Looking at a few documents of an export: for types before the main pass, and for ``penstock init``.

Light: neither TensorFlow nor Beam nor tfx_bsl is imported.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from components.mongo_example_gen import extended_json
from components.mongo_example_gen.blocks import Block, Part, WorkItem, plan_items, read_part, recognise_all
from components.mongo_example_gen.documents import BadDocumentError, decoder
from components.mongo_example_gen.plan import Plan, settle_types
from components.mongo_example_gen.slow import convert_one_by_one
from components.mongo_example_gen.source import resolve
from components.mongo_example_gen.tally import Tally, kinds_of

SAMPLED_PARTS = 12
SAMPLED_FROM_PART = 400
_PLACES_IN_FILE = 4


@dataclass
class Sample:
    """What a few documents show."""

    kinds: dict[str, set[str]] = field(default_factory=dict)
    """Feature → kinds of values seen."""
    paths: set[str] = field(default_factory=set)
    """All dotted paths seen, for near misses."""


def look(items: list[WorkItem], plan: Plan) -> Sample:
    """Reads up to 400 documents at each of a dozen places of the export.

    Raises:
        DataError: A file is truncated or damaged.
    """
    tally: Tally = Counter()
    sample = Sample()
    blank = replace(plan, columns=tuple(replace(column, type=None) for column in plan.columns))
    for part, block in _sampled_blocks(items):
        which = [i for i, raw in enumerate(block.documents) if raw.strip()]
        which = which[:: max(1, len(which) // SAMPLED_FROM_PART)]
        convert_one_by_one(block, which, part.format.kind, blank, tally)
        _collect_paths(block, which[:100], part.format.kind, sample.paths)
    sample.kinds = kinds_of(tally)
    return sample


def look_and_settle(items: list[WorkItem], plan: Plan) -> tuple[Plan, Sample]:
    """Returns the plan with the types that a sample shows, and the sample."""
    sample = look(items, plan)
    return settle_types(plan, sample.kinds), sample


def sample_documents(
    pattern: str, base_folder: Path, limit: int = 1000, span: int | str = "latest", format: str = "auto"
) -> Iterator[dict[str, Any]]:
    """Yields decoded documents from the files of an export, bad ones left out.

    Values are those that ``bson`` gives: ``ObjectId``, ``DatetimeMS``, ``Decimal128`` and so on; cells of CSV are text.

    Args:
        pattern: As in ``data.mongo_export``.
        base_folder: Folder that the pattern is relative to.
        limit: How many documents at most; they are taken from several places of the export.
        span: Which span.
        format: ``data.format``.

    Raises:
        DataError: The export is not there, is empty or cannot be read.
    """
    resolved = resolve(pattern, base_folder, span)
    files = [(path, info.path) for path, info in zip(resolved.absolute_paths(Path(base_folder)), resolved.files)]
    items = plan_items(recognise_all(files, format))
    blocks = list(_sampled_parts(items))
    each = -(-limit // len(blocks))
    left = limit
    for part in blocks:
        for document in _decoded(part, min(each, left)):
            left -= 1
            yield document


def _decoded(part: Part, limit: int) -> Iterator[dict[str, Any]]:
    for block in read_part(part):
        parse, wrapped = decoder(part.format.kind, block)
        for raw in block.documents:
            if limit <= 0:
                return
            if not raw.strip():
                continue
            try:
                document = parse(raw)
                decoded = extended_json.decode_document(document) if wrapped else document
            except (BadDocumentError, extended_json.ExtendedJsonError):
                continue  # a sample shows what is usual; the run counts and keeps what is bad
            limit -= 1
            yield decoded


def _sampled_parts(items: list[WorkItem]) -> Iterator[Part]:
    parts = [part for item in items for part in item.parts if part.stripe == 0]
    step = max(1, len(parts) // SAMPLED_PARTS)
    for part in parts[::step]:
        size = part.end - part.start
        if len(parts) > SAMPLED_PARTS // 2 or size < 4 * 2**20:
            yield part
            continue
        for place in range(_PLACES_IN_FILE):  # a few large files: look inside, too
            yield replace(part, start=part.start + size * place // _PLACES_IN_FILE)


def _sampled_blocks(items: list[WorkItem]) -> Iterator[tuple[Part, Block]]:
    for part in _sampled_parts(items):
        for block in read_part(part):
            yield part, block
            break


def _collect_paths(block: Block, which: list[int], kind: str, paths: set[str]) -> None:
    parse, _ = decoder(kind, block)
    for index in which:
        try:
            _walk(parse(block.documents[index]), "", paths, depth=0)
        except BadDocumentError:
            continue  # counted by the main pass


def _walk(value: Any, path: str, paths: set[str], depth: int) -> None:
    if isinstance(value, list):
        for item in value[:20]:
            _walk(item, path, paths, depth)
    elif isinstance(value, dict) and depth < 8 and not any(str(key).startswith("$") for key in value):
        for key, item in value.items():
            inner = f"{path}.{key}" if path else str(key)
            paths.add(inner)
            _walk(item, inner, paths, depth + 1)

"""Samples documents of an export for their types and paths, before the main pass."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from components.exports.blocks import WorkItem, read_part
from components.exports.formats import FORMATS
from components.exports.formats.base import BadDocumentError, Block, Part
from components.exports.readers import sampled_parts
from components.exports.tally import Tally, kinds_of
from components.mongo_example_gen.columnar.slow import convert_one_by_one
from components.mongo_example_gen.plan import Plan, settle_types

SAMPLED_FROM_PART = 400
_DEEPEST = 16
"""Levels of documents and arrays that are walked for paths."""


@dataclass
class Sample:
    """The result of sampling."""

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
        which = sorted(random.Random(0).sample(which, min(len(which), SAMPLED_FROM_PART)))
        convert_one_by_one(block, which, part.format.kind, blank, tally)
        _collect_paths(block, which[:100], part.format.kind, sample.paths)
    sample.kinds = kinds_of(tally)
    return sample


def look_and_settle(items: list[WorkItem], plan: Plan) -> tuple[Plan, Sample]:
    """Returns the plan with the types found in a sample, and the sample."""
    sample = look(items, plan)
    return settle_types(plan, sample.kinds), sample


def _sampled_blocks(items: list[WorkItem]) -> Iterator[tuple[Part, Block]]:
    for part in sampled_parts(items):
        for block in read_part(part):
            yield part, block
            break


def _collect_paths(block: Block, which: list[int], kind: str, paths: set[str]) -> None:
    parse, _ = FORMATS[kind].decoder(block)
    for index in which:
        try:
            _walk(parse(block.documents[index]), "", paths, depth=0)
        except BadDocumentError:
            continue  # counted by the main pass


def _walk(value: Any, path: str, paths: set[str], depth: int) -> None:
    if depth >= _DEEPEST:
        return
    if isinstance(value, list):
        for item in value[:20]:
            _walk(item, path, paths, depth + 1)
    elif isinstance(value, dict) and not any(str(key).startswith("$") for key in value):
        for key, item in value.items():
            inner = f"{path}.{key}" if path else str(key)
            paths.add(inner)
            _walk(item, inner, paths, depth + 1)

"""Samples documents of an export for their types and paths, before the main pass."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from components.exports.blocks import WorkItem, read_part
from components.exports.changes.undeclared import refuse_changes
from components.exports.formats import FORMATS
from components.exports.formats.base import BadDocumentError, Block, Part
from components.exports.names import Names
from components.exports.readers import sampled_parts
from components.exports.tally import Tally, kinds_of
from components.mongo_example_gen.columnar.slow import convert_one_by_one
from components.mongo_example_gen.plan import Plan

SAMPLED_FROM_PART = 400
NAMED_FROM_PART = 100
MOST_KEYS = 60_000
"""Keys of documents that are looked at for names, in all parts together: of wide documents, some dozens have them all."""


@dataclass
class Sample:
    """The result of sampling."""

    kinds: dict[str, set[str]] = field(default_factory=dict)
    """Feature → kinds of values seen, for those whose type is not declared."""
    paths: set[str] = field(default_factory=set)
    """Dotted paths of fields, for near misses; never keys that are data."""


def look(items: list[WorkItem], plan: Plan) -> Sample:
    """Reads up to 400 documents at each of a dozen places of the export.

    Raises:
        DataError: A file is truncated or damaged.
    """
    tally: Tally = Counter()
    sample, names = Sample(), Names()
    open_columns = (column for column in plan.columns if not column.declared)
    blank = replace(plan, columns=tuple(replace(column, type=None) for column in open_columns))
    parts = list(sampled_parts(items))
    for part, block in _first_blocks(parts):
        refuse_changes(block, part)
        which = [i for i, raw in enumerate(block.documents) if raw.strip()]
        which = sorted(random.Random(0).sample(which, min(len(which), SAMPLED_FROM_PART)))
        if blank.columns:
            convert_one_by_one(block, which, part.format.kind, blank, tally)
        _collect_names(block, which[:NAMED_FROM_PART], part.format.kind, names, MOST_KEYS // len(parts))
    sample.kinds, sample.paths = kinds_of(tally), names.paths()
    return sample


def _first_blocks(parts: list[Part]) -> Iterator[tuple[Part, Block]]:
    for part in parts:
        for block in read_part(part):
            yield part, block
            break


def _collect_names(block: Block, which: list[int], kind: str, names: Names, most: int) -> None:
    """Takes the names of documents, until there were so many keys."""
    parse, _ = FORMATS[kind].decoder(block)
    until = names.keys + most
    for index in which:
        if names.keys >= until:
            return
        try:
            names.take(parse(block.documents[index]))
        except BadDocumentError:
            continue  # counted by the main pass

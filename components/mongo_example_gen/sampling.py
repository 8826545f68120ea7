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
from components.mongo_example_gen.plan import Plan, settle_types

SAMPLED_FROM_PART = 400


@dataclass
class Sample:
    """The result of sampling."""

    kinds: dict[str, set[str]] = field(default_factory=dict)
    """Feature → kinds of values seen."""
    paths: set[str] = field(default_factory=set)
    """Dotted paths of fields, for near misses; never keys that are data."""


def look(items: list[WorkItem], plan: Plan) -> Sample:
    """Reads up to 400 documents at each of a dozen places of the export.

    Raises:
        DataError: A file is truncated or damaged.
    """
    tally: Tally = Counter()
    sample, names = Sample(), Names()
    blank = replace(plan, columns=tuple(replace(column, type=None) for column in plan.columns))
    for part, block in _sampled_blocks(items):
        refuse_changes(block, part)
        which = [i for i, raw in enumerate(block.documents) if raw.strip()]
        which = sorted(random.Random(0).sample(which, min(len(which), SAMPLED_FROM_PART)))
        convert_one_by_one(block, which, part.format.kind, blank, tally)
        _collect_names(block, which[:100], part.format.kind, names)
    sample.kinds, sample.paths = kinds_of(tally), names.paths()
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


def _collect_names(block: Block, which: list[int], kind: str, names: Names) -> None:
    parse, _ = FORMATS[kind].decoder(block)
    for index in which:
        try:
            names.take(parse(block.documents[index]))
        except BadDocumentError:
            continue  # counted by the main pass

"""Reads a part of an export as an ingestion would, and says what that would refuse; writes nothing and loads no Beam."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from components.exports import tally as count
from components.exports.blocks import WorkItem, plan_items, read_part, recognise_all, whole_files
from components.exports.fields import FieldConfig
from components.exports.formats.base import BLOCK_BYTES, Block, Part
from components.exports.formats.jsonl import JSON_LINES
from components.exports.readers import sampled_parts
from components.exports.source import ResolvedInput
from components.exports.tally import Tally, kinds_of
from components.mongo_example_gen import checks
from components.mongo_example_gen.columnar.convert import convert_block
from components.mongo_example_gen.columnar.fitting import Shapes
from components.mongo_example_gen.columnar.rows import Rows
from components.mongo_example_gen.config import DataConfig
from components.mongo_example_gen.misfits import unfit_values
from components.mongo_example_gen.plan import Plan, make_plan, settle_types
from components.mongo_example_gen.privacy.protect import check_rules
from components.mongo_example_gen.sampling import look
from components.mongo_example_gen.splits.assigning import dealt, labelled_pairs
from components.mongo_example_gen.splits.strata import find_bounds
from foundation.errors import DataError

MOST_BYTES = 12 * 2**20
"""An export of up to this size is read whole, as far as ``MOST_DOCUMENTS`` go; of others, a dozen places are read."""
MOST_DOCUMENTS = 20_000
_MOST_VALUES, _FEWEST_DOCUMENTS = 150_000, 500
"""Of a larger export, documents that have so many values together; of very wide ones, so many documents."""


@dataclass(frozen=True)
class Preview:
    """What a part of an export becomes.

    Attributes:
        plan: The plan, with the types that were found.
        tally: The counts, as an ingestion has them.
        ids: The ``_id`` of each row, as text.
        labels: The label of each row.
        splits: The split of each row: its place in ``plan.splits``; int8 [rows].
        keys: Number of distinct split keys.
        paths: Dotted paths of fields, for near misses.
        whole: Whether that was the whole export.
    """

    plan: Plan
    tally: Tally
    ids: tuple[str, ...]
    labels: tuple[Any, ...]
    splits: np.ndarray
    keys: int
    paths: set[str]
    whole: bool

    @property
    def documents(self) -> int:
        """How many documents were read."""
        return self.tally[count.READ]


def preview(
    config: DataConfig, fields: dict[str, FieldConfig], source: ResolvedInput, base_folder: Path
) -> Preview:
    """Reads a part of an export, or all of a small one.

    Raises:
        DataError: The export cannot be read, or a privacy rule does not fit its feature.
    """
    paths = source.absolute_paths(base_folder)
    files = [(path, file.path) for path, file in zip(paths, source.files, strict=True)]
    items = plan_items(recognise_all(files, config.format, config.namespace))
    plan = make_plan(config, fields, labelled=True)
    sample = look(items, plan)
    plan = settle_types(plan, sample.kinds)
    blocks, whole = _blocks(items, sum(file.size for file in source.files), len(plan.columns))
    rows, tally = _converted(blocks, plan)
    found = kinds_of(tally)
    wider = settle_types(plan, {name: found.get(name, set()) | kinds for name, kinds in sample.kinds.items()})
    if wider != plan:
        plan = wider
        rows, tally = _converted(blocks, plan)
    check_rules(plan)
    return _dealt(plan, rows, tally, sample.paths, whole)


def _blocks(items: list[WorkItem], size: int, columns: int) -> tuple[list[tuple[str, Block]], bool]:
    """Returns blocks with their format, and whether they are the whole export."""
    small = size <= MOST_BYTES
    few = max(_FEWEST_DOCUMENTS, _MOST_VALUES // max(1, columns))
    most = MOST_DOCUMENTS if small else min(MOST_DOCUMENTS, few)
    parts = (
        [part for item in whole_files(items) for part in item.parts] if small else list(sampled_parts(items))
    )
    found: list[tuple[str, Block]] = []
    whole = small
    for number, part in enumerate(parts):
        done = sum(len(block.documents) for _, block in found)
        left = most - done if small else (most - done) // (len(parts) - number)
        blocks, ended = _first(part, left, MOST_BYTES // (1 if small else len(parts)))
        found += [(part.format.kind, block) for block in blocks]
        whole &= ended
    return _joined(found), whole


def _joined(blocks: list[tuple[str, Block]]) -> list[tuple[str, Block]]:
    """Returns blocks of JSON lines as one: what each column costs a block is paid once."""
    lines = [block for kind, block in blocks if kind == JSON_LINES.name]
    others = [(kind, block) for kind, block in blocks if kind != JSON_LINES.name]
    if not lines:
        return others
    documents = [document for block in lines for document in block.documents]
    span = sum(block.span or 0 for block in lines)
    return [*others, (JSON_LINES.name, Block(documents, 0, span=span))]


def _first(part: Part, documents: int, size: int) -> tuple[list[Block], bool]:
    """Returns the first documents of a part, and whether these are all."""
    found: list[Block] = []
    for block in read_part(part):
        if documents <= 0 or size <= 0:
            return found, False
        if isinstance(block.documents, list) and len(block.documents) > documents:
            return [*found, replace(block, documents=block.documents[:documents])], False
        found.append(block)
        documents -= len(block.documents)
        size -= block.span or BLOCK_BYTES
    return found, True


def _converted(blocks: Sequence[tuple[str, Block]], plan: Plan) -> tuple[list[Rows], Tally]:
    tally: Tally = Counter()
    shapes = Shapes()
    rows = [
        rows for kind, block in blocks for rows in convert_block(block, kind, plan, tally, shapes=shapes)[0]
    ]
    return [one for one in rows if len(one)], tally


def _dealt(plan: Plan, rows: list[Rows], tally: Tally, paths: set[str], whole: bool) -> Preview:
    """Counts rows by split, as a worker does when it writes them."""
    ids: list[str] = []
    labels: list[Any] = []
    splits: list[np.ndarray] = [np.zeros(0, np.int8)]
    for one, codes in _codes(plan, rows):
        column = one.columns.get(plan.label)
        values = [None] * len(one) if column is None else column.to_pylist()
        codes[[not value for value in values]] = -1
        labels += [value[0] for value, code in zip(values, codes, strict=True) if code >= 0]
        ids += [_id for _id, code in zip(one.ids, codes, strict=True) if code >= 0]
        splits.append(codes[codes >= 0])
        tally[count.filtered(count.NO_LABEL)] += int((codes == -1).sum())
        tally[count.filtered(count.NO_TIME)] += int((codes == -2).sum())
    dealt_to = np.concatenate(splits)
    for number, split in enumerate(plan.splits):
        tally[count.rows(split)] = int((dealt_to == number).sum())
    tally[count.ACCEPTED] = len(dealt_to)
    keys = len({key for one in rows for key in one.keys})
    return Preview(plan, tally, tuple(ids), tuple(labels), dealt_to, keys, paths, whole)


def _codes(plan: Plan, rows: list[Rows]) -> Iterator[tuple[Rows, np.ndarray]]:
    """Yields rows with the number of the split of each."""
    if not plan.stratified:
        yield from ((one, dealt(one, plan, None)) for one in rows)
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pairs"
        file.write_bytes(b"".join(labelled_pairs(one, plan.label) for one in rows))
        strata = find_bounds([file], Path(folder), plan.shares)
        for one in rows:
            yield one, dealt(one, plan, strata)


def refusals(seen: Preview, config: DataConfig) -> Iterator[DataError]:
    """Yields what an ingestion of these documents would refuse; of a whole export, what it will refuse."""
    plan, tally, known = seen.plan, seen.tally, seen.paths
    yield from checks.absent_paths(tally, plan, known)
    yield from unfit_values(tally, plan, config.misfits)
    later = (
        lambda: checks.check_bad_documents(tally, config.bad_documents, config.bad_documents.folder),
        lambda: checks.check_label(tally, plan, len(set(seen.labels))),
        lambda: checks.check_split_key(tally, plan, known),
        lambda: checks.check_splits(tally, plan, seen.keys, seen.keys + 1),
    )
    for check in later:
        try:
            check()
        except DataError as error:
            yield error

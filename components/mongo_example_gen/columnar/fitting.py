"""Fits Arrow's schema to blocks of JSON lines, and parses them with it.

What a block has taught is remembered for the next ones of the same part: their documents mostly look alike. A column whose
values have several shapes is set apart, so that it alone is taken from the documents one by one: among many columns
nearly every document has an odd value somewhere.
"""

from __future__ import annotations

import random
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.json

from components.exports import extended_json
from components.mongo_example_gen.columnar.shapes import Node, Odd, arrow_schema, wanted_tree
from components.mongo_example_gen.plan import Plan

SAMPLE_DOCUMENTS = 48
SEGMENT = 128
SMALLEST_SEGMENT = 16
_ROUNDS = 3
"""How often a schema that refuses many documents is corrected by some of these."""
MOST_ODD = 0.1
"""Odd values for each document up to which it is the documents that are converted one by one, and not the columns."""
_ROW = re.compile(r"in row (\d+)$")


@dataclass
class Shapes:
    """What is known of the documents of one part, from its blocks so far.

    Attributes:
        apart: Numbers of the columns that are taken from the documents one by one.
        schema: How Arrow reads the others; None before the first block.
    """

    apart: set[int] = field(default_factory=set)
    schema: pa.Schema | None = None
    _tree: Node | None = None

    def tree(self, plan: Plan) -> Node | None:
        """Returns the tree of the paths that Arrow reads; None if one path leads through another."""
        if self._tree is None:
            self._tree = wanted_tree(plan, self.apart)
        return self._tree

    def set_apart(self, columns: Collection[int]) -> None:
        """Sets columns apart; if they were not, the schema is fitted again."""
        if not self.apart.issuperset(columns):
            self.apart.update(columns)
            self._tree = self.schema = None

    def fit(self, plan: Plan, samples: Sequence[dict[str, Any]]) -> None:
        """Chooses the schema, and the columns to be set apart, by samples."""
        tree = self.tree(plan)
        if tree is None:
            return
        odd = Odd()
        schema = arrow_schema(tree, samples, odd)
        if odd.columns and odd.values >= MOST_ODD * len(samples):
            self.set_apart(odd.columns)
            tree = self.tree(plan)
            schema = arrow_schema(tree, samples) if tree else None
        self.schema = schema


def parse_fitted(
    documents: list[bytes], good: list[int], plan: Plan, shapes: Shapes
) -> tuple[list[int], pa.Table | None]:
    """Parses documents with a schema that suits most of them.

    Args:
        documents: Raw JSON documents.
        good: Indexes of those to parse.
        plan: What to take.
        shapes: What is known of them; what they teach is added.

    Returns:
        The indexes of the documents that Arrow accepts, and their table.
    """
    known = shapes.schema is not None
    samples: list[dict[str, Any]] = [] if known else _samples(documents, good)
    if not known:
        shapes.fit(plan, samples)
    accepted: list[int] = []
    table = None
    for last in (False,) * (_ROUNDS - 1) + (True,):
        if shapes.schema is None:
            break
        accepted, table = _parse(documents, good, shapes.schema)
        if last or len(accepted) >= (1 - MOST_ODD) * len(good):
            break
        taken, before = set(accepted), shapes.schema
        refused = [index for index in good if index not in taken]
        samples = [*(samples or _samples(documents, good)), *_samples(documents, refused)]
        shapes.fit(plan, samples)
        if shapes.schema == before:
            break
    return accepted, table


def _samples(documents: list[bytes], good: list[int]) -> list[dict[str, Any]]:
    samples = []
    # Random, not every n-th: exports can be periodic, and a stride would see one phase only.
    for index in random.Random(0).sample(good, min(SAMPLE_DOCUMENTS, len(good))):
        try:
            samples.append(extended_json.parse(documents[index]))
        except extended_json.ExtendedJsonError:
            continue  # Arrow will reject it by row number
    return samples


def _parse(documents: list[bytes], good: list[int], schema: pa.Schema) -> tuple[list[int], pa.Table | None]:
    """Parses documents, skipping those that Arrow rejects; returns the parsed indexes and the table."""
    whole, _ = _try(documents, good, schema)
    if whole is not None:
        return good, whole
    budget = 16 + len(good) // 5
    pending = [(low, min(low + SEGMENT, len(good))) for low in range(0, len(good), SEGMENT)]
    accepted: list[int] = []
    while pending and budget:
        low, high = pending.pop()
        budget -= 1
        table, row = _try(documents, good[low:high], schema)
        if table is not None:
            accepted += good[low:high]
        elif row is not None:
            accepted += good[low : low + row]
            pending += [(low + row + 1, high)] if low + row + 1 < high else []
        elif high - low > SMALLEST_SEGMENT:  # a number that does not fit: Arrow does not say in which row
            middle = (low + high) // 2
            pending += [(low, middle), (middle, high)]
    accepted.sort()
    return accepted, (_try(documents, accepted, schema)[0] if accepted else None)


def _try(documents: list[bytes], which: list[int], schema: pa.Schema) -> tuple[pa.Table | None, int | None]:
    data = b"\n".join(documents if len(which) == len(documents) else [documents[i] for i in which])
    try:
        table = pyarrow.json.read_json(
            pa.BufferReader(data),
            read_options=pyarrow.json.ReadOptions(use_threads=False, block_size=len(data) + 64),
            parse_options=pyarrow.json.ParseOptions(
                explicit_schema=schema,
                unexpected_field_behavior="ignore",
                newlines_in_values=b"\n" in documents[0],
            ),
        )
    except pa.ArrowInvalid as error:
        row = _ROW.search(str(error))
        return None, int(row[1]) if row and int(row[1]) < len(which) else None
    if table.num_rows != len(which):
        return None, None
    return table.combine_chunks(), None

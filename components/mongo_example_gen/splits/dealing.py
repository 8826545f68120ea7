"""Gathers the strata of all documents, by Beam."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import apache_beam as beam

from components.exports.blocks import WorkItem, read_part
from components.exports.tally import Tally
from components.mongo_example_gen.columnar.convert import convert_block
from components.mongo_example_gen.columnar.fitting import Shapes
from components.mongo_example_gen.columnar.rows import Rows
from components.mongo_example_gen.plan import STRATUM, Plan
from components.mongo_example_gen.splits.assigning import labelled_pairs
from foundation.errors import PenstockError
from foundation.publish import storage_error
from foundation.stores.exchange import workbench


class GatherStrata(beam.DoFn):
    """Writes stratum and key of every labelled document of a work item; errors are returned as values."""

    def __init__(self, plan: Plan, there: str) -> None:
        self._there = there
        wanted = tuple(column for column in plan.columns if column.feature in (plan.label, STRATUM))
        self._plan = Plan(wanted, plan.label, True, plan.split_by, plan.shares, stratified=True)

    def process(self, item: WorkItem) -> Iterator[str | PenstockError]:
        """Yields the name of the file that was written, or the error."""
        name = f"strata-{item.index:05d}-{uuid4().hex[:12]}.tmp"
        try:
            with workbench(self._there) as folder, (folder / name).open("wb") as out:
                for rows in self._rows(item):
                    out.write(labelled_pairs(rows, self._plan.label))
            yield name
        except PenstockError as error:
            yield error
        except OSError as error:
            yield storage_error(self._there, error)

    def _rows(self, item: WorkItem) -> Iterator[Rows]:
        tally: Tally = Tally()
        shapes = Shapes()
        for part in item.parts:
            for block in read_part(part):
                yield from convert_block(block, part.format.kind, self._plan, tally, shapes=shapes)[0]

"""Assigns rows to splits by key, by date, or by key within strata, using raw values."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import apache_beam as beam
import numpy as np
import pyarrow as pa

from components.exports.blocks import WorkItem, read_part
from components.exports.keys import canonical_text
from components.exports.tally import Tally
from components.mongo_example_gen.columnar.convert import convert_block
from components.mongo_example_gen.columnar.rows import Rows
from components.mongo_example_gen.plan import STRATUM, TIME, Plan
from components.mongo_example_gen.splits.codes import split_codes, time_codes
from components.mongo_example_gen.splits.strata import Strata, pairs
from foundation.errors import PenstockError
from foundation.publish import storage_error


def dealt(rows: Rows, plan: Plan, strata: Strata | None) -> np.ndarray:
    """Returns the number of each row's split, -2 if the date is missing; int8 [rows]."""
    if plan.time_bounds:
        return time_codes(*_moments(rows), plan.time_bounds)
    if strata is not None:
        return strata.codes(stratum_values(rows), rows.keys, plan.shares)
    return split_codes(rows.keys, plan.shares)


def _moments(rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    column: pa.Array = rows.columns[TIME]
    lengths = column.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    moments: np.ndarray = np.zeros(len(rows), np.int64)
    moments[lengths > 0] = column.flatten().to_numpy(zero_copy_only=False)
    return moments, lengths > 0


def stratum_values(rows: Rows) -> list[str | None]:
    """Returns the key of each row's stratum, the same for all forms of one value; None without a value."""
    found = [value[0] if value else None for value in rows.columns[STRATUM].to_pylist()]
    keys = {
        raw: canonical_text(raw.decode("utf-8", "surrogateescape")) for raw in set(found) if raw is not None
    }
    return [None if raw is None else keys[raw] for raw in found]


class GatherStrata(beam.DoFn):
    """Writes stratum and key of every labelled document of a work item; errors are returned as values."""

    def __init__(self, plan: Plan, folder: str) -> None:
        self._folder = folder
        wanted = tuple(column for column in plan.columns if column.feature in (plan.label, STRATUM))
        self._plan = Plan(wanted, plan.label, True, plan.split_by, plan.shares, stratified=True)

    def process(self, item: WorkItem) -> Iterator[str | PenstockError]:
        """Yields the name of the file that was written, or the error."""
        path = Path(self._folder) / f"strata-{item.index:05d}-{uuid4().hex[:12]}.tmp"
        try:
            with path.open("wb") as out:
                for rows in self._rows(item):
                    out.write(_labelled_pairs(rows, self._plan.label))
            yield path.name
        except PenstockError as error:
            yield error
        except OSError as error:
            yield storage_error(path, error)

    def _rows(self, item: WorkItem) -> Iterator[Rows]:
        tally: Tally = Tally()
        for part in item.parts:
            for block in read_part(part):
                yield from convert_block(block, part.format.kind, self._plan, tally)[0]


def _labelled_pairs(rows: Rows, label: str) -> bytes:
    column: Any = rows.columns.get(label)
    if column is None:
        return b""
    labelled = column.value_lengths().fill_null(0).to_numpy(zero_copy_only=False) > 0
    values = stratum_values(rows)
    chosen = np.flatnonzero(labelled).tolist()
    return pairs([values[i] for i in chosen], [rows.keys[i] for i in chosen])

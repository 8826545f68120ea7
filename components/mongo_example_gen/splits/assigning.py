"""Assigns rows to splits by key, by date, or by key within strata, using raw values; loads no Beam."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from components.exports.keys import canonical_text
from components.mongo_example_gen.columnar.rows import Rows
from components.mongo_example_gen.plan import STRATUM, TIME, Plan
from components.mongo_example_gen.splits.codes import split_codes, time_codes
from components.mongo_example_gen.splits.strata import Strata, pairs


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


def labelled_pairs(rows: Rows, label: str) -> bytes:
    """Returns the hashes of key and stratum of each row with a label, 16 bytes per row."""
    column: Any = rows.columns.get(label)
    if column is None:
        return b""
    labelled = column.value_lengths().fill_null(0).to_numpy(zero_copy_only=False) > 0
    values = stratum_values(rows)
    chosen = np.flatnonzero(labelled).tolist()
    return pairs([values[i] for i in chosen], [rows.keys[i] for i in chosen])

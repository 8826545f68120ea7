"""Search for dates after the prediction: what a document learnt later cannot be known when the model is asked."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from components.validation_gate.leakage.moments import milliseconds
from components.validation_gate.result import Finding
from foundation.numbers import percent

LATE_SHARE = 0.01
"""Share of documents dated after ``recorded_at`` that is worth a warning."""
EPOCH_MS = (6.3e11, 4.1e12)
"""Whole numbers in this range (1990 to 2099, in milliseconds) look like dates."""
DATED_SHARE = 0.25
"""A number is taken as a date if this share of its values looks like one."""
MOST_STAND_INS = 5
"""It is too if what does not look like one is at most this many values, such as 1970, 0001 and 9999 for "never"."""
FEWEST_DATED = 20
"""Values that look like a date and are needed beside such stand-ins."""
REAL_MS = (-2.21e12, 7.26e12)
"""Dates from 1900 to 2200, in milliseconds: outside, and at 1970's first moment, a date stands for "none"."""

Columns = Mapping[str, list[Any]]


def find_late(rows: Columns, recorded_at: str, dates: Collection[str] = ()) -> list[Finding]:
    """Returns a finding per date feature that is later than the prediction in a notable share of rows.

    Dates are whole numbers of milliseconds, of seconds or finer units that lie around the prediction, and text.
    Dates that stand for "none", such as 0001 or 9999, neither count nor keep the others from being compared.

    Args:
        rows: Feature → [n] lists of values, None where missing.
        recorded_at: Feature with the time of the prediction.
        dates: Features that the document declares as dates; of others the values decide.
    """
    moments = _dated(rows.get(recorded_at, []))
    findings = []
    for name, column in rows.items():
        if name == recorded_at or len(moments) == 0:
            continue
        read = milliseconds(column, moments)
        values = _numbers(column) if read is None else read
        if read is None and name not in dates and not _looks_like_dates(values[~np.isnan(values)]):
            continue
        known = _is_real(values) & _is_real(moments)
        late = int((values[known] > moments[known]).sum())
        if late and late / known.sum() >= LATE_SHARE:
            seen = f"later in {percent(late / known.sum())} of {known.sum():,} examined rows"
            findings.append(Finding("leakage", name, f"dates up to {recorded_at}", seen, late))
    return findings


def _looks_like_dates(values: np.ndarray) -> bool:
    """Returns whether [v] numbers are dates in milliseconds, however far a few of them lie outside."""
    inside = (values > EPOCH_MS[0]) & (values < EPOCH_MS[1])
    if not inside.any() or not (values[inside] == np.round(values[inside])).all():
        return False
    if inside.mean() >= DATED_SHARE:
        return True
    return int(inside.sum()) >= FEWEST_DATED and len(np.unique(values[~inside])) <= MOST_STAND_INS


def _is_real(values: np.ndarray) -> np.ndarray:
    """Returns [n] whether a date is one and not a stand-in for none."""
    return (values > REAL_MS[0]) & (values < REAL_MS[1]) & (values != 0)


def _dated(column: list[Any]) -> np.ndarray:
    read = milliseconds(column)
    return _numbers(column) if read is None else read


def _numbers(column: list[Any]) -> np.ndarray:
    firsts = (values[0] if values else None for values in column)
    return np.array([v if isinstance(v, (int, float)) else np.nan for v in firsts], np.float64)

"""Dates in any form: epoch milliseconds, seconds, micro- and nanoseconds, and text."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

_DAY = re.compile(r"\s*(?:(\d{4})[-/.](\d\d?)[-/.](\d\d?)|(\d\d?)([./-])(\d\d?)\5(\d{4}))(?!\d)")
_UNITS = {"seconds": 1e3, "microseconds": 1e-3, "nanoseconds": 1e-6}
"""Milliseconds in one."""
_NEAR = 10 * 365.25 * 86_400_000
"""Numbers are dates in another unit if they are all this near to the moment of the prediction; ids are not."""
_MOST = 0.99
_SHARE_OF_TEXTS = 0.9
_MONTHS = 12


def milliseconds(column: list[Any], moments: np.ndarray | None = None) -> np.ndarray | None:
    """Returns [n] dates in epoch milliseconds, NaN where there is none; None if the column holds no dates.

    Whole numbers in milliseconds are left to those who compare them: how many have to look like it is theirs to say.

    Args:
        column: [n] lists of values, None where missing.
        moments: [n] moments of the prediction in milliseconds; they tell other units from ids.
    """
    firsts = [values[0] if values else None for values in column]
    first = next((value for value in firsts if value is not None), None)
    if isinstance(first, str):
        return _of_texts(firsts)
    if moments is None or not isinstance(first, (int, float)) or isinstance(first, bool):
        return None
    numbers = np.array([np.nan if value is None else value for value in firsts], np.float64)
    for factor in _UNITS.values():
        known = ~np.isnan(numbers) & ~np.isnan(moments) & (numbers != 0)
        if known.any() and np.mean(np.abs(numbers[known] * factor - moments[known]) < _NEAR) >= _MOST:
            return numbers * factor
    return None


def _of_texts(texts: list[str | None]) -> np.ndarray | None:
    """Returns dates as ISO, or with the day first unless a "month" is above 12."""
    there = [text for text in texts if text]
    if not there or sum(_DAY.match(text) is not None for text in there[:50]) < _SHARE_OF_TEXTS * len(
        there[:50]
    ):
        return None
    import pandas as pd

    series = pd.Series(texts, dtype=object)
    parts = [match for text in there if (match := _DAY.match(text))]
    iso = sum(match[1] is not None for match in parts) > len(parts) / 2
    month_first = any(match[6] and int(match[6]) > _MONTHS for match in parts)
    options: dict[str, Any] = {"format": "mixed", "dayfirst": not iso and not month_first}
    read = pd.to_datetime(series, errors="coerce", utc=True, **({"format": "ISO8601"} if iso else options))
    if read.notna().sum() < _SHARE_OF_TEXTS * len(there):
        return None
    moments = read.dt.tz_localize(None).to_numpy("datetime64[ms]")
    found: np.ndarray = np.where(np.isnat(moments), np.nan, moments.astype(np.int64).astype(np.float64))
    return found

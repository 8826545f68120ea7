"""Ranges and counts that single nobody out: what fewer than ``FEWEST`` values share is not told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

FEWEST = 5
"""A date or a value that fewer rows have may say something about one person."""
DAY, MONTH, YEAR = 10, 7, 4
"""Characters of an ISO date that name its day, month, year."""
_LEFT_OUT = 0.05
"""A range may leave out this share of the values at its ends; otherwise it is told in a coarser unit."""


def date_range(dates: Mapping[str, int], finest: int = DAY) -> tuple[str, str] | None:
    """Returns the first and last day, month or year that at least ``FEWEST`` values share.

    The unit is the finest one that leaves out few values. A date of birth that one person has is so never told.

    Args:
        dates: The beginning of an ISO date, such as 2026-01-31 or 2026-01 → how many values have it.
        finest: ``DAY``, ``MONTH`` or ``YEAR``.

    Returns:
        First and last; None where there are too few values in every year.
    """
    found = None
    for unit in (unit for unit in (DAY, MONTH, YEAR) if unit <= finest):
        groups: Counter[str] = Counter()
        for date, count in dates.items():
            groups[date[:unit]] += count
        shared = [group for group, count in groups.items() if count >= FEWEST]
        if not shared:
            continue
        found = min(shared), max(shared)
        outside = sum(count for group, count in groups.items() if not found[0] <= group <= found[1])
        if outside <= _LEFT_OUT * groups.total():
            return found
    return found


def finest_unit(values: float, days: float) -> int | None:
    """Returns the finest unit of which each has ``FEWEST`` values on average, or None where a year has fewer.

    Args:
        values: How many values there are.
        days: How many days they span.
    """
    for unit, length in ((DAY, 1.0), (MONTH, 30.5), (YEAR, 365.25)):
        if values >= FEWEST * max(1.0, days / length):
            return unit
    return None

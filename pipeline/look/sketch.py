"""Estimates the number of distinct values in little memory: the smallest hashes show how dense all hashes are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

KEPT = 4096
"""Exact up to this number of distinct values; above, the standard error is 1.6%."""
_ODD = np.uint64(0x9E3779B97F4A7C15)


class Distinct:
    """Counts distinct values; keeps hashes, not values."""

    def __init__(self) -> None:
        self._smallest: np.ndarray = np.empty(0, np.uint64)
        self._limit = np.uint64(2**64 - 1)
        self.is_exact = True
        """Whether every distinct value so far is kept."""

    def add(self, values: Sequence[object], count: int, whole: bool = False) -> None:
        """Adds hashable values.

        Args:
            values: The values.
            count: How many there are.
            whole: Whether all are whole numbers.
        """
        raw: np.ndarray = _numbered(values, count, whole).astype(np.uint64)
        mixed = (raw ^ (raw >> np.uint64(32))) * _ODD  # ints hash to themselves: spread them
        mixed ^= mixed >> np.uint64(29)
        mixed *= np.uint64(0xBF58476D1CE4E5B9)
        mixed ^= mixed >> np.uint64(32)
        below = mixed[mixed <= self._limit]
        self.is_exact = self.is_exact and len(below) == len(mixed)
        if len(below):
            self._keep(below)

    def merge(self, other: Distinct) -> None:
        """Merges another sketch, of this process or one forked from it."""
        self._keep(other._smallest)
        self.is_exact = self.is_exact and other.is_exact

    def _keep(self, hashes: np.ndarray) -> None:
        together = np.union1d(self._smallest, hashes)
        self.is_exact = self.is_exact and len(together) <= KEPT
        kept = together[:KEPT]
        self._smallest = kept
        if len(kept) == KEPT:
            self._limit = kept[-1]

    def __len__(self) -> int:
        """The number of distinct values; approximate if there are more than are kept."""
        if self.is_exact:
            return len(self._smallest)
        return max(KEPT + 1, int((KEPT - 1) / (float(self._smallest[-1]) / 2.0**64)))


def _numbered(values: Sequence[object], count: int, whole: bool) -> np.ndarray:
    """Returns an int64 for each value, [count], that is the same for equal values and differs for others.

    Python's ``hash`` is −2 for −1 as well as for −2, and folds whole numbers beyond 61 bits.
    """
    if whole:
        try:
            return np.fromiter(values, np.int64, count)  # type: ignore[arg-type]
        except (OverflowError, TypeError, ValueError):
            pass  # beyond 64 bits, or the text of a number
    raw = np.fromiter(map(hash, values), np.int64, count)
    for place in np.flatnonzero(raw == -2).tolist():
        if values[place] == -1:
            raw[place] = -1
    return raw

"""Estimates the number of distinct values in little memory: the smallest hashes show how dense all hashes are."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

KEPT = 4096
"""Exact below this number of distinct values; above, the standard error is 1.6%."""
_ODD = np.uint64(0x9E3779B97F4A7C15)


class Distinct:
    """Counts distinct values; keeps hashes, not values."""

    def __init__(self) -> None:
        self._smallest: np.ndarray = np.empty(0, np.uint64)
        self._limit = np.uint64(2**64 - 1)

    def add(self, values: Iterable[object], count: int) -> None:
        """Adds hashable values."""
        raw = np.fromiter(map(hash, values), np.int64, count).astype(np.uint64)
        mixed = (raw ^ (raw >> np.uint64(32))) * _ODD  # ints hash to themselves: spread them
        mixed ^= mixed >> np.uint64(29)
        mixed *= np.uint64(0xBF58476D1CE4E5B9)
        mixed ^= mixed >> np.uint64(32)
        below = mixed[mixed <= self._limit]
        if len(below):
            self._keep(below)

    def merge(self, other: Distinct) -> None:
        """Merges another sketch, of this process or one forked from it."""
        self._keep(other._smallest)

    def _keep(self, hashes: np.ndarray) -> None:
        kept = np.union1d(self._smallest, hashes)[:KEPT]
        self._smallest = kept
        if len(kept) == KEPT:
            self._limit = kept[-1]

    def __len__(self) -> int:
        """The approximate number of distinct values."""
        if len(self._smallest) < KEPT:
            return len(self._smallest)
        return int((KEPT - 1) / (float(self._smallest[-1]) / 2.0**64))

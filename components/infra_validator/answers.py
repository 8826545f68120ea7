"""Comparison of two answers to the same request."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

Answer = Mapping[str, np.ndarray]
"""Output → array whose first axis is the batch."""


def difference(one: Answer, other: Answer) -> float:
    """Returns the largest difference of two answers, relative to their size; infinite if they cannot be compared."""
    if set(one) != set(other) or any(one[name].shape != other[name].shape for name in one):
        return float("inf")
    return max((_difference(one[name], other[name]) for name in one), default=0.0)


def _difference(one: np.ndarray, other: np.ndarray) -> float:
    if one.dtype.kind not in "fiub":
        return 0.0 if one.tolist() == other.tolist() else float("inf")
    if not one.size:
        return 0.0
    first: np.ndarray = one.astype(np.float64)
    second: np.ndarray = other.astype(np.float64)
    with np.errstate(invalid="ignore"):
        gaps = np.abs(first - second) / np.maximum(np.maximum(np.abs(first), np.abs(second)), 1e-6)
    equal = (first == second) | (np.isnan(first) & np.isnan(second))
    gaps = np.where(equal, 0.0, np.where(np.isnan(gaps), np.inf, gaps))
    return float(gaps.max())

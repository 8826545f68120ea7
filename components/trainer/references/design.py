"""The columns of the linear reference: standardised numbers, one column for each id, bags as they are.

Ids and bags stay sparse: a million rows of five ids out of 20,000 are 44 MB, and would be 400 GB if they were dense.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from components.trainer.features import FeatureDescription

_BAG_CELLS = 20_000_000
"""Cells of a bag made sparse at once."""


@dataclass(frozen=True)
class Design:
    """How the inputs of a model become the columns of a linear one.

    Attributes:
        numbers: Numbers and plain vectors, the first columns.
        ids: Id features, whose columns come next, one for each id.
        bags: Vectors over a vocabulary, whose columns come last.
        mean: [numeric columns] mean of the finite values in the train split.
        factor: [numeric columns] one over their standard deviation; 0 for a column that never varies.
        not_finite: Numbers with NaN or infinity in the train split; such a value counts as the mean.
    """

    numbers: tuple[FeatureDescription, ...]
    ids: tuple[FeatureDescription, ...]
    bags: tuple[FeatureDescription, ...]
    mean: np.ndarray
    factor: np.ndarray
    not_finite: tuple[str, ...] = ()

    @property
    def offsets(self) -> np.ndarray:
        """[id features] first column of each id feature, counted from the first id column."""
        return np.cumsum([0, *(f.size for f in self.ids)])[:-1]

    @property
    def widths(self) -> tuple[int, int, int]:
        """Number of columns of numbers, ids and bags."""
        return len(self.mean), sum(f.size for f in self.ids), sum(f.size for f in self.bags)

    def matrix(self, features: Mapping[str, np.ndarray], rows: np.ndarray) -> Any:
        """Returns ``[rows, columns]`` float64: an array if there are only numbers, otherwise a CSR matrix.

        Args:
            features: Name → column of a split.
            rows: Numbers of the wanted rows, ascending.
        """
        from scipy import sparse

        values = numeric(self.numbers, features, rows)
        standard = np.where(np.isfinite(values), values - self.mean, 0.0) * self.factor
        if not self.ids and not self.bags:
            return standard
        parts = [sparse.csr_matrix(standard)]
        parts += [self._one_hot(features, rows)] if self.ids else []
        parts += [_sparse(features[f.name], rows) for f in self.bags]
        return sparse.hstack(parts, format="csr")

    def _one_hot(self, features: Mapping[str, np.ndarray], rows: np.ndarray) -> Any:
        from scipy import sparse

        ids = np.stack([features[f.name][rows].reshape(len(rows)) for f in self.ids], axis=1)
        sizes = np.array([f.size for f in self.ids])
        known = (ids >= 0) & (ids < sizes)
        columns = np.where(known, ids, 0) + self.offsets
        starts = np.arange(0, columns.size + 1, columns.shape[1])
        parts = known.astype(np.float64).ravel(), columns.ravel(), starts
        return sparse.csr_matrix(parts, shape=(len(rows), int(sizes.sum())))


def make_design(
    features: Sequence[FeatureDescription], columns: Mapping[str, np.ndarray], rows: np.ndarray
) -> Design:
    """Returns the design for a model's inputs, with means and deviations of some rows of the train split."""
    numbers = tuple(f for f in features if f.kind != "id" and not f.vocabulary)
    bags = tuple(f for f in features if f.kind == "vector" and f.vocabulary)
    values = numeric(numbers, columns, rows)
    finite = np.isfinite(values)
    count = np.maximum(finite.sum(axis=0), 1)
    mean = np.where(finite, values, 0.0).sum(axis=0) / count
    away = np.where(finite, values - mean, 0.0)
    deviation = np.sqrt((away**2).sum(axis=0) / count)
    # A constant such as 0.1 may differ from its own mean in the last digit.
    varies = np.abs(away).max(axis=0, initial=0.0) > 1e-9 * np.abs(mean)
    factor = np.where(varies, 1 / np.where(varies, deviation, 1.0), 0.0)
    owner: np.ndarray = np.repeat(np.arange(len(numbers)), [f.size for f in numbers])
    bad = sorted({numbers[i].name for i in owner[~finite.all(axis=0)]})
    ids = tuple(f for f in features if f.kind == "id")
    return Design(numbers, ids, bags, mean, factor, tuple(bad))


def numeric(
    numbers: Sequence[FeatureDescription], features: Mapping[str, np.ndarray], rows: np.ndarray
) -> np.ndarray:
    """Returns ``[rows, numeric columns]`` float64 of numbers and plain vectors, as they are."""
    parts = [features[f.name][rows].reshape(len(rows), f.size) for f in numbers]
    empty = np.empty((len(rows), 0))
    return np.concatenate([empty, *parts], axis=1).astype(np.float64)


def _sparse(column: np.ndarray, rows: np.ndarray) -> Any:
    from scipy import sparse

    step = max(1, _BAG_CELLS // column.shape[1])
    starts = range(0, max(len(rows), 1), step)
    chunks = [sparse.csr_matrix(column[rows[at : at + step]]) for at in starts]
    return sparse.vstack(chunks, format="csr").astype(np.float64)

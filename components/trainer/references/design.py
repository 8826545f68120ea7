"""The columns of the linear reference: standardised numbers, one column for each id, bags as they are.

Ids and bags stay sparse: a million rows of five ids out of 20,000 are 44 MB, and would be 400 GB if they were dense.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from components.trainer.matrices import BAGS, IDS, NUMBERS, Matrices

if TYPE_CHECKING:
    from components.trainer.features import FeatureDescription

_BAG_CELLS = 20_000_000
"""Cells of a bag made sparse at once."""


@dataclass(frozen=True)
class Design:
    """How the inputs of a model become the columns of a linear one.

    Attributes:
        matrices: Which feature has which columns. Numbers are the first columns, then come one for each id, then bags.
        mean: [numeric columns] mean of the finite values in the train split.
        factor: [numeric columns] one over their standard deviation; 0 for a column that never varies.
        not_finite: Numbers with NaN or infinity in the train split; such a value counts as the mean.
    """

    matrices: Matrices
    mean: np.ndarray
    factor: np.ndarray
    not_finite: tuple[str, ...] = ()

    @property
    def widths(self) -> tuple[int, int, int]:
        """Number of columns of numbers, ids and bags."""
        widths = self.matrices.widths
        return widths.get(NUMBERS, 0), int(self.matrices.sizes.sum()), widths.get(BAGS, 0)

    def matrix(self, features: Mapping[str, np.ndarray], rows: np.ndarray) -> Any:
        """Returns ``[rows, columns]`` float64: an array if there are only numbers, otherwise a CSR matrix.

        Args:
            features: The matrices of a split.
            rows: Numbers of the wanted rows, ascending.
        """
        from scipy import sparse

        values = numeric(features, rows)
        standard = np.where(np.isfinite(values), values - self.mean, 0.0) * self.factor
        if IDS not in features and BAGS not in features:
            return standard
        parts = [sparse.csr_matrix(standard)]
        parts += [self._one_hot(features[IDS][rows])] if IDS in features else []
        parts += [_sparse(features[BAGS], rows)] if BAGS in features else []
        return sparse.hstack(parts, format="csr")

    def _one_hot(self, ids: np.ndarray) -> Any:
        from scipy import sparse

        sizes = self.matrices.sizes
        known = (ids >= 0) & (ids < sizes)
        columns = np.where(known, ids, 0) + self.matrices.offsets
        starts = np.arange(0, columns.size + 1, columns.shape[1])
        parts = known.astype(np.float64).ravel(), columns.ravel(), starts
        return sparse.csr_matrix(parts, shape=(len(ids), int(sizes.sum())))


def make_design(
    features: Sequence[FeatureDescription], columns: Mapping[str, np.ndarray], rows: np.ndarray
) -> Design:
    """Returns the design for a model's inputs, with means and deviations of some rows of the train split."""
    matrices = Matrices.of(features)
    values = numeric(columns, rows)
    finite = np.isfinite(values)
    count = np.maximum(finite.sum(axis=0), 1)
    mean = np.where(finite, values, 0.0).sum(axis=0) / count
    away = np.where(finite, values - mean, 0.0)
    deviation = np.sqrt((away**2).sum(axis=0) / count)
    # A constant such as 0.1 may differ from its own mean in the last digit.
    varies = np.abs(away).max(axis=0, initial=0.0) > 1e-9 * np.abs(mean)
    factor = np.where(varies, 1 / np.where(varies, deviation, 1.0), 0.0)
    owners = [f.name for f in matrices.numbers for _ in range(f.size)]
    bad = {name for name, good in zip(owners, finite.all(axis=0), strict=True) if not good}
    return Design(matrices, mean, factor, tuple(sorted(bad)))


def numeric(features: Mapping[str, np.ndarray], rows: np.ndarray) -> np.ndarray:
    """Returns ``[rows, numeric columns]`` float64 of numbers and plain vectors, as they are."""
    return features[NUMBERS][rows].astype(np.float64) if NUMBERS in features else np.empty((len(rows), 0))


def _sparse(column: np.ndarray, rows: np.ndarray) -> Any:
    from scipy import sparse

    step = max(1, _BAG_CELLS // column.shape[1])
    starts = range(0, max(len(rows), 1), step)
    chunks = [sparse.csr_matrix(column[rows[at : at + step]]) for at in starts]
    return sparse.vstack(chunks, format="csr").astype(np.float64)

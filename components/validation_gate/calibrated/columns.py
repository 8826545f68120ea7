"""One feature of a sample of rows as arrays: its values, the row of each, and what each row belongs to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Column:
    """The values of one feature.

    Attributes:
        values: [v] numbers, or objects (text).
        row: [v] index of each value's row; an array has several values in a row.
        rows: Number of rows, those without a value included.
        group: [rows] what each row belongs to, such as a user; rows of one group are not independent. None: unknown,
            each row counts for itself.
    """

    values: np.ndarray
    row: np.ndarray
    rows: int
    group: np.ndarray | None = None

    @classmethod
    def of(cls, values: np.ndarray, group: np.ndarray | None = None) -> Column:
        """Returns a feature that has one value in every row."""
        return cls(values, np.arange(len(values)), len(values), group)

    @property
    def missing(self) -> np.ndarray:
        """[…] indices of the rows without a value."""
        filled: np.ndarray = np.zeros(self.rows, bool)
        filled[self.row] = True
        return np.flatnonzero(~filled)

    @property
    def is_text(self) -> bool:
        """Whether the values are categories; numbers are binned."""
        return self.values.dtype == object


@dataclass(frozen=True)
class Coded:
    """One side's observations as bins: values, and one observation for every row without a value.

    Attributes:
        codes: [n] bin of each observation.
        group: [n] what each observation belongs to, as numbers that both sides share.
    """

    codes: np.ndarray
    group: np.ndarray

    @property
    def n(self) -> int:
        """Number of observations."""
        return len(self.codes)


def shared_groups(before: Column, now: Column) -> tuple[np.ndarray, np.ndarray]:
    """Returns [rows] group numbers of both sides; the same group has the same number on both."""
    if before.group is None or now.group is None:
        return np.arange(before.rows), np.arange(before.rows, before.rows + now.rows)
    _, numbers = np.unique(np.concatenate([before.group, now.group]), return_inverse=True)
    return numbers[: before.rows], numbers[before.rows :]

"""Helpers that build Arrow arrays."""

from __future__ import annotations

import numpy as np
import pyarrow as pa


def list_array(values: pa.Array, lengths: np.ndarray, present: np.ndarray) -> pa.Array:
    """Builds a list column.

    Args:
        values: All items of all rows, without nulls.
        lengths: Number of items of each row, [rows].
        present: Whether the row has a value at all, bool [rows].
    """
    offsets: np.ndarray = np.zeros(len(lengths) + 1, np.int32)
    np.cumsum(lengths, out=offsets[1:])
    mask = None if present.all() else pa.array(~present)
    return pa.ListArray.from_arrays(pa.array(offsets), values, mask=mask)

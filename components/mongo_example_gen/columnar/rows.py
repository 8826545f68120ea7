"""Rows for the encoder: one Arrow list column per feature, and each row's id and split key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import pyarrow as pa

from components.exports.arrow import list_array

ARROW_TYPES = {
    "int": pa.int64(),
    "bool": pa.int64(),
    "date": pa.int64(),
    "objectid_time": pa.int64(),
    "float": pa.float32(),
    "string": pa.large_binary(),
    "bytes": pa.large_binary(),
}


@dataclass(frozen=True)
class Rows:
    """Converted documents; each part has one entry per document."""

    ids: list[str]
    keys: list[str]
    """Text of the split key, or the id without one."""
    columns: dict[str, pa.Array]
    """Feature → list array of int64, float32 or large_binary; null without a value."""
    places: Sequence[int] = ()
    """Index of each document in its block; empty where the order of documents does not matter."""

    def __len__(self) -> int:
        return len(self.ids)

    def record_batch(self) -> pa.RecordBatch:
        """Returns the columns and ``_id`` in the encoder's form."""
        ids = pa.array([i.encode("utf-8") for i in self.ids], pa.large_binary())
        ones: np.ndarray = np.ones(len(self.ids), np.int32)
        arrays = {"_id": list_array(ids, ones, ones.astype(bool)), **self.columns}
        return pa.RecordBatch.from_arrays(list(arrays.values()), names=list(arrays))


def in_order(batches: Sequence[Rows]) -> Rows:
    """Returns the rows of a block in the order of its documents.

    Args:
        batches: Rows with their places, at least one.
    """
    if len(batches) == 1:
        return batches[0]
    places = [place for batch in batches for place in batch.places]
    order = sorted(range(len(places)), key=places.__getitem__)
    ids = [one for batch in batches for one in batch.ids]
    keys = [one for batch in batches for one in batch.keys]
    columns = {
        name: pa.concat_arrays([batch.columns[name] for batch in batches]).take(pa.array(order))
        for name in batches[0].columns
    }
    return Rows([ids[i] for i in order], [keys[i] for i in order], columns, [places[i] for i in order])


def rounded_by_float32(doubles: np.ndarray) -> int:
    """Returns how many doubles float32 cannot hold exactly."""
    return int(np.count_nonzero(doubles.astype(np.float32) != doubles))


def rounded_from(originals: list[int | float | Decimal], doubles: np.ndarray) -> int:
    """Returns how many numbers float32 cannot hold exactly; judged by the original, not by its double."""
    singles = doubles.astype(np.float32).tolist()
    return sum(single != original for single, original in zip(singles, originals, strict=True))

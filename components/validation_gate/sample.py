"""A sample of one split's rows as columns of a few features, spread evenly over the split."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from components.exports.fields import ID
from components.validation_gate.calibrated.columns import Column
from foundation.tfrecord import read_gz

MOST_ROWS = 100_000
"""Up to twice as many rows are compared; of more, every second, fourth, … one."""
_AT_ONCE = 10_000


def read_columns(folder: str | Path, names: Collection[str], group_by: Collection[str]) -> dict[str, Column]:
    """Returns feature → its values, for the features that some row has.

    Args:
        folder: Folder of the split in an Examples artifact.
        names: The features.
        group_by: Features that say which rows belong together; the first that every row has is used, else ``_id``.

    Raises:
        DataError: A file is damaged or cannot be read.
    """
    from tfx_bsl.coders import example_coder

    records = evenly(_records(Path(folder)), MOST_ROWS)
    decoder = example_coder.ExamplesToRecordBatchDecoder()
    wanted = {*names, *group_by, ID}
    found: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
    for start in range(0, len(records), _AT_ONCE):
        batch = decoder.DecodeBatch(records[start : start + _AT_ONCE])
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            if name in wanted:
                found.setdefault(name, []).append(_values(column, start))
    columns = {name: _column(pieces, len(records)) for name, pieces in found.items()}
    group = next((columns[name] for name in (*group_by, ID) if _is_whole(columns.get(name))), None)
    keys = group.values if group else None
    return {
        name: Column(column.values, column.row, column.rows, keys)
        for name, column in columns.items()
        if name in names
    }


def _records(folder: Path) -> Iterator[bytes]:
    for file in sorted(folder.glob("*.gz")):
        yield from read_gz(file)


def evenly(records: Iterator[bytes], most: int) -> list[bytes]:
    """Returns all records, or every second, fourth, … one, so that at most twice ``most`` are kept."""
    kept: list[bytes] = []
    step = 1
    for number, record in enumerate(records):
        if number % step:
            continue
        kept.append(record)
        if len(kept) >= 2 * most:
            kept, step = kept[::2], step * 2
    return kept


def _values(column: Any, start: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns a ragged column's values and the row of each."""
    lengths = np.nan_to_num(column.value_lengths().to_numpy(zero_copy_only=False)).astype(np.int64)
    rows: np.ndarray = np.repeat(np.arange(start, start + len(lengths)), lengths)
    values = column.flatten().to_pylist() if len(rows) else []
    if values and isinstance(values[0], bytes):
        texts: np.ndarray = np.empty(len(values), object)
        texts[:] = [value.decode("utf-8", "replace") for value in values]
        return texts, rows
    return np.array(values, np.float64), rows


def _column(pieces: list[tuple[np.ndarray, np.ndarray]], rows: int) -> Column:
    filled = [piece for piece in pieces if len(piece[0])] or pieces[:1]
    return Column(
        np.concatenate([values for values, _ in filled]), np.concatenate([row for _, row in filled]), rows
    )


def _is_whole(column: Column | None) -> bool:
    """Returns whether every row has exactly one value, so that it can say what the row belongs to."""
    return column is not None and len(column.row) == column.rows and len(np.unique(column.row)) == column.rows

"""The first train rows of a raw Examples artifact as plain columns, one at a time: all of many do not fit into memory."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foundation.errors import DataError
from foundation.tfrecord import read_gz

if TYPE_CHECKING:
    import pyarrow as pa


class Rows(Mapping[str, list[Any]]):
    """Feature → [n] lists of values (text as str), None if missing; made anew whenever a feature is asked for.

    Args:
        batch: The rows as Arrow has them.
    """

    def __init__(self, batch: pa.RecordBatch) -> None:
        self._batch = batch
        self._places = {name: place for place, name in enumerate(batch.schema.names)}

    def __getitem__(self, name: str) -> list[Any]:
        return _lists(self._batch.column(self._places[name]))

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def read_rows(split_folder: str, most: int) -> Rows:
    """Returns the rows by feature.

    The same number of rows is taken from each shard.

    Args:
        split_folder: Folder of the split.
        most: Largest number of rows.

    Raises:
        DataError: The folder has no shards or no rows.
    """
    from tfx_bsl.coders import example_coder

    files = sorted(Path(split_folder).glob("*.gz"))
    share = -(-most // max(len(files), 1))
    records: list[bytes] = []
    for file in files:
        records += itertools.islice(read_gz(file), share)
    if not records:
        raise DataError(f"split {Path(split_folder).name}", expected="at least one document", seen="none")
    return Rows(example_coder.ExamplesToRecordBatchDecoder().DecodeBatch(records[:most]))


def _lists(column: pa.Array) -> list[Any]:
    """Returns the lists of a column, None for null: ``to_pylist`` makes an object of Arrow's for every value first."""
    import pyarrow as pa

    if pa.types.is_null(column.type):
        return [None] * len(column)
    items = iter(_values(column.flatten()))
    lengths = column.value_lengths().fill_null(-1).to_numpy(zero_copy_only=False).tolist()
    return [None if length < 0 else list(itertools.islice(items, length)) for length in lengths]


def _values(values: pa.Array) -> list[Any]:
    import pyarrow as pa

    if pa.types.is_integer(values.type) or pa.types.is_floating(values.type):
        return list(values.to_numpy(zero_copy_only=False).tolist())
    return [value.decode("utf-8", "replace") for value in values.to_pylist()]

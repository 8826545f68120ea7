"""The first train rows of a raw Examples artifact as plain columns."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

from foundation.errors import DataError
from foundation.tfrecord import read_gz


def read_rows(split_folder: str, most: int) -> dict[str, list[Any]]:
    """Returns feature → [n] lists of values (text as str), None if missing.

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
    batch = example_coder.ExamplesToRecordBatchDecoder().DecodeBatch(records[:most])
    columns = zip(batch.schema.names, batch.columns, strict=True)
    return {name: [_texts(values) for values in column.to_pylist()] for name, column in columns}


def _texts(values: list[Any] | None) -> list[Any] | None:
    if values and isinstance(values[0], bytes):
        return [value.decode("utf-8", "replace") for value in values]
    return values

"""Train rows are what Arrow's own conversion gives, with text as text; a column is made when it is asked for."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from components.validation_gate.train_rows import Rows

COLUMNS = {
    "whole": pa.array([[1], None, [], [2, 3]], pa.list_(pa.int64())),
    "real": pa.array([[1.5], [float("inf")], None, [0.0]], pa.list_(pa.float32())),
    "text": pa.array([[b"a", "größer".encode()], None, [b"\xff!"], [b""]], pa.list_(pa.binary())),
    "nothing": pa.nulls(4),
    "never": pa.array([None] * 4, pa.list_(pa.int64())),
    "sliced": pa.array([[9], [9, 9], [1], None, [2], [3, 4]], pa.list_(pa.int64())).slice(2),
}


def plain(values: list[Any] | None) -> list[Any] | None:
    if values and isinstance(values[0], bytes):
        return [value.decode("utf-8", "replace") for value in values]
    return values


@pytest.mark.parametrize("name", list(COLUMNS))
def test_columns_are_what_arrow_gives(name: str) -> None:
    rows = Rows(pa.RecordBatch.from_arrays(list(COLUMNS.values()), list(COLUMNS)))
    assert rows[name] == [plain(values) for values in COLUMNS[name].to_pylist()]
    assert (len(rows), name in rows, "other" in rows) == (len(COLUMNS), True, False)


def test_no_column_is_kept() -> None:
    rows = Rows(pa.RecordBatch.from_arrays([COLUMNS["whole"]], ["whole"]))
    assert rows["whole"] is not rows["whole"]

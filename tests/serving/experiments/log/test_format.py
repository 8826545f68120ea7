"""Files that an earlier Penstock wrote are still read, and no column goes away or changes without a new format."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from foundation.errors import DataError
from serving.experiments.log import schema
from serving.experiments.log.read import tables
from tests.serving.experiments.log.logged import rows

FORMAT_1 = Path(__file__).parent / "format_1"


def test_the_first_format_is_still_read() -> None:
    found = rows(FORMAT_1)
    assert [(row["request_id"], row["input_x"], row["input_tags"]) for row in found] == [
        ("r1", 1.0, None),
        ("r2.5", 2.5, "a"),
        ("ropen", 1.5, None),
    ]
    assert len(rows(FORMAT_1, shadows=True)) == 5
    first = found[0]
    assert (first["arm"], first["propensity"], first["unit"], first["slot_table"]) == (
        "new",
        0.25,
        "01" * 16,
        3,
    )
    assert first["counted"] is None  # a column that came later
    assert first["time"].isoformat() == "2026-09-21T14:13:20.123456+00:00"


def test_columns_keep_name_and_type_until_the_format_is_raised() -> None:
    assert schema.FORMAT == 1
    present = schema.fixed_schema()
    for file in FORMAT_1.rglob("*.parquet"):
        for field in pq.read_schema(file):
            if not field.name.startswith(("input", "output")):
                assert present.field(field.name).type == field.type


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "exp" / "date=2026-11-29" / "a.parquet"
    file.parent.mkdir(parents=True)
    newer = schema.fixed_schema().with_metadata({schema.FORMAT_KEY: b"2"})
    pq.write_table(newer.empty_table(), file)
    with pytest.raises(DataError, match="format 1 or older; seen: format 2"):
        list(tables(tmp_path, "exp"))


def test_columns_added_later_are_ignored_by_this_version(tmp_path: Path) -> None:
    shutil.copytree(FORMAT_1, tmp_path / "log")
    [first, _] = sorted((tmp_path / "log").rglob("*.parquet"))
    table = pq.read_table(first, partitioning=None)
    pq.write_table(table.append_column("deadline", pa.nulls(table.num_rows, pa.float64())), first)
    assert "deadline" not in rows(tmp_path / "log")[0]


def test_an_experiment_without_a_log_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="check the experiment's name"):
        list(tables(tmp_path, "nothing"))


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    shutil.copytree(FORMAT_1, tmp_path / "log")
    [first, _] = sorted((tmp_path / "log").rglob("*.parquet"))
    first.write_bytes(first.read_bytes()[:-100])
    with pytest.raises(DataError, match=f"{first.name}.*move the damaged file away"):
        list(tables(tmp_path / "log", "exp"))

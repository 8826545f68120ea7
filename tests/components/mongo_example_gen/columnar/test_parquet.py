"""Parquet gives the rows that the same documents give as JSON, by columns and one by one."""

from __future__ import annotations

import datetime
import json
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.exports import tally as count
from components.exports.blocks import plan_items, read_part, recognise_all
from components.exports.formats.base import Part
from components.exports.readers import sample_documents
from components.exports.tally import Tally
from components.mongo_example_gen.columnar.convert import convert_block
from components.mongo_example_gen.plan import Plan
from foundation.errors import DataError

MakePlan = Callable[..., Plan]
MIXED = pa.struct([("int", pa.int32()), ("string", pa.string())])
DAY = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
COLUMNS: dict[str, tuple[pa.DataType, list[Any]]] = {
    "_id": (pa.string(), ["a", "b", "c", None]),
    "n": (pa.int32(), [1, None, 3, 4]),
    "f": (pa.float32(), [0.5, 2.0, None, float("nan")]),
    "ok": (pa.bool_(), [True, False, None, True]),
    "at": (pa.timestamp("us"), [DAY, None, DAY, DAY]),
    "mixed": (MIXED, [{"int": 5, "string": None}, {"int": None, "string": "x"}, None, {"int": 7, "string": None}]),
    "tags": (pa.large_list(pa.string()), [["a", None], [], None, ["b"]]),
    "deep": (pa.struct([("v", pa.list_(pa.struct([("s", pa.int64())])))]), [{"v": [{"s": 1}, {"s": 2}]}, None, {"v": []}, {"v": None}]),
    "price": (pa.decimal128(10, 2), [Decimal("1.50"), None, Decimal("2.25"), None]),
    "raw": (pa.binary(), [b"\xff", None, b"", b"a"]),
}  # fmt: skip
FIELDS = {
    "n": "int", "f": "float", "ok": "bool", "at": "date", "mixed": "string", "tags": "string",
    "deep.v.s": "int", "price": "float", "raw": "bytes", "n.x": None, "nowhere": "int",
}  # fmt: skip


def write(path: Path, columns: dict[str, tuple[pa.DataType, list[Any]]] = COLUMNS, times: int = 1) -> Path:
    """Writes columns as Parquet in small row groups."""
    table = pa.table({name: pa.array(values * times, kind) for name, (kind, values) in columns.items()})
    pq.write_table(table, path, row_group_size=3)
    return path


def convert(path: Path, plan: Plan, columnar: bool) -> tuple[list[dict[str, Any]], Tally]:
    """Returns the rows in the order of their ids, and the counts."""
    tally: Tally = Counter()
    rows: list[dict[str, Any]] = []
    (item,) = plan_items(recognise_all([(path, "e")], "auto"))
    for block in read_part(item.parts[0]):
        batches, bad = convert_block(block, "parquet", plan, tally, columnar)
        assert not bad
        rows += [row for batch in batches for row in batch.record_batch().to_pylist()]
    return sorted(rows, key=lambda row: row["_id"][0]), tally


def test_columns_become_features(tmp_path: Path, make_test_plan: MakePlan) -> None:
    fields = {path: kind for path, kind in FIELDS.items() if path != "n.x"}
    rows, tally = convert(write(tmp_path / "e"), make_test_plan(fields, labelled=False), True)
    first = next(row for row in rows if row["_id"] == [b"a"])
    day = int(DAY.timestamp()) * 1000
    assert first == {
        "_id": [b"a"], "n": [1], "f": [0.5], "ok": [1], "at": [day], "mixed": [b"5"], "tags": [b"a"],
        "deep_v_s": [1, 2], "price": [1.5], "raw": [b"\xff"], "nowhere": None,
    }  # fmt: skip
    assert tally[count.READ] == 4
    assert count.section(tally, "misfits", "f") == {"not a finite number": 1}
    assert tally[count.field("tags", "empty")] == 1


@pytest.mark.parametrize(
    "fields", [FIELDS, *({path: kind} for path, kind in FIELDS.items())], ids=lambda f: "+".join(f)
)
def test_both_paths_give_the_same(
    tmp_path: Path, fields: dict[str, str | None], make_test_plan: MakePlan
) -> None:
    if len(fields) > 1:
        fields = {path: kind for path, kind in fields.items() if path != "n.x"}
    plan = make_test_plan(fields, labelled=False)
    path = write(tmp_path / "e", times=3)
    fast, counted = convert(path, plan, True)
    slow, expected = convert(path, plan, False)
    assert fast == slow
    ours = {key: n for key, n in (counted - expected).items() if key[0] != "kinds"}
    assert not ours
    assert counted[count.READ] == 12


def test_plain_columns_are_converted_together(tmp_path: Path, make_test_plan: MakePlan) -> None:
    path = write(tmp_path / "e", {**COLUMNS, "_id": (pa.string(), ["a", "b", "c", "d"])}, times=50)
    _, tally = convert(
        path, make_test_plan({"n": "int", "at": "date", "deep.v.s": "int"}, labelled=False), True
    )
    assert tally[count.SLOW] == 0
    _, tally = convert(path, make_test_plan({"mixed": "string"}, labelled=False), True)
    assert tally[count.SLOW] == 150  # of each four values one is missing


def test_stripes_share_out_every_row_once(tmp_path: Path) -> None:
    path = write(tmp_path / "e", {"_id": (pa.int64(), list(range(100)))})
    (known,) = recognise_all([(path, "e")], "auto")
    parts = [Part(str(path), "e", known[2], stripe=stripe, stripes=3) for stripe in range(3)]
    found = {
        block.offset_of(i): json.loads(raw)["_id"]
        for part in parts
        for block in read_part(part)
        for i, raw in enumerate(block.documents)
    }
    assert found == {i: i for i in range(100)}


def test_a_sample_shows_documents(tmp_path: Path) -> None:
    write(tmp_path / "e")
    assert [document.get("mixed") for document in sample_documents("e", tmp_path)] == [5, "x", None, 7]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda data: data[: len(data) // 2], "a whole Parquet file"),
        (lambda data: data[:8], "a whole Parquet file"),
    ],
    ids=["half", "head"],
)
def test_a_truncated_file_stops(tmp_path: Path, spoil: Callable[[bytes], bytes], message: str) -> None:
    path = write(tmp_path / "e")
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(DataError, match=message):
        list(sample_documents("e", tmp_path))


def test_a_type_that_mongodb_does_not_have_is_named(tmp_path: Path) -> None:
    write(tmp_path / "e", {"_id": (pa.int64(), [1]), "x": (pa.duration("s"), [datetime.timedelta(1)])})
    with pytest.raises(DataError, match=r"column 'x' of e; .*seen: duration\[s\]"):
        list(sample_documents("e", tmp_path))

"""The table of BSON types in docs/ingestion.md, row by row: what is found, what becomes of it, what is counted.

Each value is read from BSON and from canonical Extended JSON, the latter on the columnar and on the one-by-one path.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import bson
import pytest
from bson import Binary, Code, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp, json_util
from bson.datetime_ms import DatetimeMS
from bson.dbref import DBRef

from components.exports import tally as count
from components.exports.formats.base import Block
from components.exports.tally import Tally, kinds_of
from components.mongo_example_gen.columnar.convert import convert_block
from components.mongo_example_gen.plan import Plan, settle_types

OID = ObjectId("65920080aaaaaaaaaaaaaaaa")
SECONDS = 0x65920080
CANONICAL = json_util.CANONICAL_JSON_OPTIONS
WAYS = ("bson", "columnar", "one by one")
MakePlan = Callable[..., Plan]


def ingest(value: Any, plan: Plan, way: str) -> tuple[list[Any] | None, Tally]:
    """Returns the feature's items (None: missing) and the counts of a document with this value."""
    document = {"_id": 1, "x": value}
    tally: Tally = Counter()
    kind = "bson" if way == "bson" else "jsonl"
    raw = (
        bson.encode(document) if way == "bson" else json_util.dumps(document, json_options=CANONICAL).encode()
    )
    blank: Tally = Counter()
    convert_block(Block([raw], 0, [0]), kind, plan, blank, columnar=False)
    settled = settle_types(plan, kinds_of(blank))
    (rows,), bad = convert_block(Block([raw], 0, [0]), kind, settled, tally, way == "columnar")
    assert not bad
    column = rows.columns.get("x")
    return (column[0].as_py() if column is not None else None), tally


ROWS: dict[str, tuple[Any, str | None, list[Any] | None]] = {
    "int32": (5, None, [5]),
    "int64": (Int64(2**62 + 1), None, [2**62 + 1]),
    "int64 as float": (Int64(2**53 + 1), "float", [float(2**53)]),
    "double": (2.5, None, [2.5]),
    "decimal128": (Decimal128("2.5"), None, [2.5]),
    "decimal128 as string": (Decimal128("1.10"), "string", [b"1.10"]),
    "bool": (True, None, [1]),
    "string": ("grün", None, ["grün".encode()]),
    "objectid": (OID, None, [str(OID).encode()]),
    "objectid_time": (OID, "objectid_time", [SECONDS * 1000]),
    "objectid_time of text": (str(OID), "objectid_time", [SECONDS * 1000]),
    "date": (DatetimeMS(1700000000123), None, [1700000000123]),
    "date in year -1": (DatetimeMS(-62198755200000), None, [-62198755200000]),
    "date in year 10000": (DatetimeMS(253402300800000), None, [253402300800000]),
    "timestamp": (Timestamp(1700000000, 7), None, [1700000000000]),
    "binary": (Binary(b"\x00\xff", 0), None, [b"\x00\xff"]),
    "binary as string": (Binary(b"\x00\xff", 0), "string", [b"00ff"]),
    "uuid": (Binary(bytes(range(16)), 4), None, [b"00010203-0405-0607-0809-0a0b0c0d0e0f"]),
    "legacy uuid": (Binary(bytes(range(16)), 3), None, [bytes(range(16))]),
    "regex": (Regex("^a", "i"), None, [b"/^a/"]),
    "code": (Code("f()"), None, [b"f()"]),
    "code with scope": (Code("f()", {"a": 1}), None, [b"f()"]),
    "array of scalars": ([1, 2], None, [1, 2]),
    "array with null": ([1, None, 2], None, [1, 2]),
    "empty array": ([], "int", []),
    "null": (None, "int", None),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("row", ROWS)
def test_a_bson_type_becomes_its_feature(row: str, way: str, make_test_plan: MakePlan) -> None:
    value, declared, expected = ROWS[row]
    items, tally = ingest(value, make_test_plan({"x": declared}, labelled=False), way)
    assert items == expected
    assert not count.section(tally, "misfits", "x")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"a": 1}, "document in a string field"),
        ([["a"]], "array in a string field"),
        (MinKey(), "minkey in a string field"),
        (MaxKey(), "maxkey in a string field"),
        (DBRef("c", 1), "document in a string field"),
    ],
    ids=["document", "array in array", "min key", "max key", "dbref"],
)
def test_a_non_scalar_is_a_misfit(value: Any, reason: str, way: str, make_test_plan: MakePlan) -> None:
    items, tally = ingest(value, make_test_plan({"x": "string"}, labelled=False), way)
    assert not items
    assert count.section(tally, "misfits", "x") == {reason: 1}


@pytest.mark.parametrize("way", WAYS)
def test_documents_in_arrays_are_read_by_path(way: str, make_test_plan: MakePlan) -> None:
    plan = make_test_plan({"x.a": "int"}, labelled=False)
    document = {"_id": 1, "x": [{"a": 1}, {}, {"a": 3}]}
    raw = bson.encode(document) if way == "bson" else json_util.dumps(document).encode()
    tally: Tally = Counter()
    kind = "bson" if way == "bson" else "jsonl"
    (rows,), _ = convert_block(Block([raw], 0, [0]), kind, plan, tally, way == "columnar")
    assert rows.columns["x_a"].to_pylist() == [[1, 3]]
    assert tally[count.field("x_a", "null items")] == 1


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("value", "lost"),
    [
        (Int64(2**24), 0), (Int64(2**24 + 1), 1), (Int64(2**53 + 1), 1), (Int64(2**60), 0), (Int64(2**63 - 1), 1),
        (0.5, 0), (0.1, 1), (2.0**100, 0), (1e20, 1), (Decimal128("0.5"), 0), (Decimal128("0.1"), 1),
        (Decimal128("1.0000000000000000000000001"), 1), ("0.5", 0), ("1.00000000000000000000001", 1), (True, 0),
        ([1, 2**53 + 1, 0.1], 2),
    ],
    ids=str,
)  # fmt: skip
def test_what_float32_loses_is_counted(value: Any, lost: int, way: str, make_test_plan: MakePlan) -> None:
    _, tally = ingest(value, make_test_plan({"x": "float"}, labelled=False), way)
    assert tally[count.field("x", "rounded by float32")] == lost


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("value", ["65920080", 5, DatetimeMS(5), "g" * 24], ids=str)
def test_only_objectids_have_a_time(value: Any, way: str, make_test_plan: MakePlan) -> None:
    items, tally = ingest(value, make_test_plan({"x": "objectid_time"}, labelled=False), way)
    assert items is None
    assert sum(count.section(tally, "misfits", "x").values()) == 1

"""BSON at once and BSON one by one give the same rows, counts and bad documents."""

from __future__ import annotations

from collections import Counter
from typing import Any

import bson
import pytest
from bson import Binary, Code, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from bson.datetime_ms import DatetimeMS
from bson.dbref import DBRef
from hypothesis import given, settings
from hypothesis import strategies as st

from components.exports import tally as count
from components.exports.fields import FieldConfig
from components.exports.formats.base import Block
from components.exports.tally import kinds_of
from components.mongo_example_gen.columnar.convert import convert_block
from components.mongo_example_gen.config import DataConfig
from components.mongo_example_gen.plan import Plan, make_plan, settle_types

TYPES = ("int", "float", "string", "bool", "date", "bytes", None)
PATHS = ("a", "b.s", "b.t", "b.t.u")
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.integers(-(2**63), 2**63 - 1).map(Int64),
    st.integers(-(2**63), 2**63 - 1).map(DatetimeMS),
    st.floats(),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5),
    st.binary(min_size=12, max_size=12).map(ObjectId),
    st.sampled_from(["12", "-3.5", "true", "2024-01-01T00:00:00Z", "", 1e39, -(2**63)]),
    st.sampled_from(
        [Binary(b"x" * 16, 4), b"raw", Code("x"), Regex("x"), MinKey(), MaxKey(), Timestamp(5, 1)]
    ),
    st.sampled_from([Decimal128("1.5"), Decimal128("3"), Decimal128("NaN"), DBRef("c", 1), {}, {"u": 7}]),
)
values = st.one_of(
    scalars, st.lists(scalars, max_size=3), st.lists(st.lists(scalars, max_size=2), max_size=2)
)
leaves = st.dictionaries(st.sampled_from(["s", "t"]), values, max_size=2)
documents = st.fixed_dictionaries(
    {},
    optional={
        "_id": scalars,
        "a": values,
        "b": st.one_of(leaves, scalars, st.lists(st.one_of(leaves, scalars), max_size=3)),
        "k": scalars,
        "unnamed": values,
    },
)


def _plan(types: dict[str, str | None]) -> Plan:
    config = DataConfig.model_validate({"mongo_export": "x", "label": "y", "split": {"by": "k"}})
    return make_plan(config, {path: FieldConfig(type=kind) for path, kind in types.items()}, labelled=False)


def _convert(raws: list[bytes], plan: Plan, columnar: bool) -> tuple[Any, Counter[Any], list[Any]]:
    tally: Counter[Any] = Counter()
    block = Block(raws, 0, list(range(len(raws))))
    rows, bad = convert_block(block, "bson", plan, tally, columnar)
    found = [
        repr((i, key, {name: array[place].as_py() for name, array in batch.columns.items()}))
        for batch in rows
        for place, (i, key) in enumerate(zip(batch.ids, batch.keys, strict=True))
    ]
    tally.pop(count.SLOW, None)
    return sorted(found), +tally, sorted(bad)


@settings(max_examples=300, deadline=None)
@given(
    usual=documents,
    odd=st.lists(documents, max_size=4),
    times=st.integers(0, 40),
    types=st.fixed_dictionaries({path: st.sampled_from(TYPES) for path in PATHS}),
)
def test_both_ways_agree_on_any_documents(
    usual: Any, odd: list[Any], times: int, types: dict[str, str | None]
) -> None:
    raws = [bson.encode(document) for document in [usual] * times + odd]
    tally: Counter[Any] = Counter()
    convert_block(Block(raws, 0, list(range(len(raws)))), "bson", _plan(types), tally, columnar=False)
    plan = settle_types(_plan(types), kinds_of(tally))
    assert _convert(raws, plan, columnar=True) == _convert(raws, plan, columnar=False)


GOOD = bson.encode({"_id": ObjectId("a" * 24), "a": 5, "b": {"s": 1}})
BROKEN = bytearray(bson.encode({"_id": 1, "a": "xy"}))
BROKEN[-4:-2] = b"\xff\xff"


@pytest.mark.parametrize("place", [0, 17, 99])
def test_few_documents_around_a_bad_one_are_converted_one_by_one(place: int) -> None:
    raws = [GOOD] * 100
    raws[place] = bytes(BROKEN)
    tally: Counter[Any] = Counter()
    rows, bad = convert_block(Block(raws, 0, list(range(100))), "bson", _plan({"a": "int"}), tally)
    assert (sum(map(len, rows)), bad) == (99, [(place, "not BSON")])
    assert tally[count.SLOW] <= 16


def test_clean_documents_are_not_converted_one_by_one() -> None:
    tally: Counter[Any] = Counter()
    convert_block(Block([GOOD] * 50, 0, list(range(50))), "bson", _plan({"a": "int", "b.s": "float"}), tally)
    assert tally[count.SLOW] == 0

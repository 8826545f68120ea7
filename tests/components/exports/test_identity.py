"""The ``_id`` of a document comes back as it was, from every format, and different ids stay different."""

from __future__ import annotations

import json
import math
import struct
import uuid
from typing import Any

import bson
import pyarrow as pa
import pytest
from bson import Binary, Code, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp, json_util
from bson.datetime_ms import DatetimeMS
from hypothesis import given, settings
from hypothesis import strategies as st

from components.exports.documents import BSON_OPTIONS
from components.exports.formats.base import Block
from components.exports.identity import WITHOUT, identities
from components.exports.parquet_rows import ParquetRows

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5)
names = texts.filter(lambda name: not name.startswith("$"))
scalars = st.one_of(
    texts,
    st.sampled_from(
        ["5", "5.0", "null", "true", "{}", '"5"', '{"$numberLong":"5"}', "6579c8a0f0f0f0f0f0f0f0f0"]
    ),
    st.integers(-(2**31), 2**31 - 1),
    st.integers(-3, 6),
    st.integers(-(2**63), 2**63 - 1).map(Int64),
    st.integers(-3, 6).map(Int64),
    st.floats(allow_nan=False),
    st.sampled_from([0.0, -0.0, 5.0, math.nan, math.inf, -math.inf, 1e22, 5e-324]),
    st.booleans(),
    st.none(),
    st.binary(min_size=12, max_size=12).map(ObjectId),
    st.just(ObjectId("6579c8a0f0f0f0f0f0f0f0f0")),
    st.integers(-(2**63), 2**63 - 1).map(DatetimeMS),
    st.integers(-5, 5).map(DatetimeMS),
    st.integers(0, 253402300800000).map(DatetimeMS),
    st.sampled_from(["5", "5.0", "0.50E+3", "NaN", "Infinity", "-0", "1E-6176"]).map(Decimal128),
    st.builds(Binary, st.binary(max_size=4), st.sampled_from([0, 1, 5, 128])),
    st.uuids().map(lambda one: Binary(one.bytes, 4)),
    st.binary(min_size=16, max_size=16).map(lambda one: Binary(one, 3)),
    st.builds(Timestamp, st.integers(0, 2**32 - 1), st.integers(0, 9)),
    st.sampled_from([MinKey(), MaxKey(), Code("x"), Code("x", {"a": 1}), Regex("a", "i"), Regex("a")]),
)
values = st.one_of(
    scalars,
    st.dictionaries(names, st.one_of(scalars, st.dictionaries(names, scalars, max_size=2)), max_size=3),
)


def bits(value: Any) -> Any:
    """Returns a value that equals another one's only if both are of one type and, as doubles, of the same bits."""
    if isinstance(value, dict):
        return "object", tuple((name, bits(item)) for name, item in value.items())
    if isinstance(value, float):
        return "double", "nan" if math.isnan(value) else struct.pack("<d", value)
    if isinstance(value, Regex):
        return "regex", value.pattern, value.flags
    if isinstance(value, (bytes, Binary)):
        return "binary", getattr(value, "subtype", 0), bytes(value)
    if isinstance(value, Code):
        return "code", str(value), bits(value.scope or {}), value.scope is None
    if isinstance(value, DatetimeMS):
        return "date", int(value)
    if type(value) in (MinKey, MaxKey):
        return type(value).__name__
    return type(value).__name__, str(value)


def read_back(text: str) -> Any:
    """Reads Extended JSON with the driver, not with our own reader."""
    options = json_util.JSONOptions(datetime_conversion=BSON_OPTIONS.datetime_conversion, tz_aware=False)
    value = json_util.loads('{"v":' + text + "}", json_options=options)["v"]
    return plain(value)


def plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, uuid.UUID):
        return Binary(value.bytes, 4)
    return value


def in_bson(value: Any) -> Block:
    return Block([bson.encode({"a": 1, "_id": value})], 0)


def in_json(value: Any, options: Any) -> Block:
    return Block([json_util.dumps({"_id": value, "a": 1}, json_options=options).encode()], 0)


CANONICAL, RELAXED = json_util.CANONICAL_JSON_OPTIONS, json_util.RELAXED_JSON_OPTIONS


@settings(max_examples=400, deadline=None)
@given(values)
def test_an_id_in_bson_or_canonical_json_comes_back_with_its_type(value: Any) -> None:
    for block, kind in ((in_bson(value), "bson"), (in_json(value, CANONICAL), "jsonl")):
        (found,) = identities(block, kind, [0])
        assert bits(read_back(found.json)) == bits(value)


@settings(max_examples=400, deadline=None)
@given(values)
def test_an_id_in_relaxed_json_keeps_its_spelling(value: Any) -> None:
    block = in_json(value, RELAXED)
    (found,) = identities(block, "jsonl", [0])
    assert json.loads(found.json) == json.loads(block.documents[0])["_id"] or "NaN" in found.json


@settings(max_examples=400, deadline=None)
@given(values, values)
def test_different_ids_stay_different_also_once_hashed(one: Any, other: Any) -> None:
    for kind, block in (("bson", in_bson), ("jsonl", lambda value: in_json(value, CANONICAL))):
        (a,), (b,) = identities(block(one), kind, [0]), identities(block(other), kind, [0])
        same = bits(one) == bits(other)
        assert (a.json == b.json) is same
        assert ((a.plain, a.type) == (b.plain, b.type)) is same


def test_null_and_no_id_are_two_things() -> None:
    block = Block([b'{"_id":null}', b'{"a":1}', b'{"_id":"null"}'], 0)
    assert [one.json for one in identities(block, "jsonl", range(3))] == ["null", "", '"null"']
    assert [one.type for one in identities(block, "jsonl", range(3))] == ["null", WITHOUT, "string"]


@pytest.mark.parametrize(
    ("values", "json", "type"),
    [
        (pa.array([5]), "5", "int"),
        (pa.array([2**40]), '{"$numberLong":"1099511627776"}', "long"),
        (pa.array([5.0]), "5.0", "double"),
        (pa.array(["5"]), '"5"', "string"),
        (pa.array([True]), "true", "bool"),
        (pa.array([1000], pa.timestamp("ms", "UTC")), '{"$date":"1970-01-01T00:00:01.000Z"}', "date"),
        (pa.array([b"\0"]), '{"$binary":{"base64":"AA==","subType":"00"}}', "binary 0"),
        (pa.array([{"a": 1}]), '{"a":1}', "object"),
        (pa.array([None], pa.string()), "", WITHOUT),
    ],
    ids=["int", "long", "double", "string", "bool", "date", "binary", "object", "null"],
)
def test_an_id_in_parquet_keeps_its_type(values: pa.Array, json: str, type: str) -> None:
    from components.exports.parquet_rows import _normalised

    table = pa.table({"x": [1], "_id": _normalised(values, "_id")})
    (found,) = identities(Block(ParquetRows(table), 0, range(1)), "parquet", [0])
    assert (found.json, found.type) == (json, type)


def test_parquet_without_a_column_of_ids_has_none() -> None:
    (found,) = identities(Block(ParquetRows(pa.table({"x": [1]})), 0, range(1)), "parquet", [0])
    assert found.type == WITHOUT

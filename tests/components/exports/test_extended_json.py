"""The Extended JSON reader against ``bson.json_util`` where both agree, and where it differs on purpose."""

from __future__ import annotations

import contextlib
import datetime
from typing import Any

import bson
import pytest
from bson import Binary, Code, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp, json_util
from bson.codec_options import DatetimeConversion
from bson.datetime_ms import DatetimeMS
from hypothesis import given
from hypothesis import strategies as st

from components.exports.extended_json import ExtendedJsonError, loads

CANONICAL = json_util.CANONICAL_JSON_OPTIONS.with_options(datetime_conversion=DatetimeConversion.DATETIME_MS)
RELAXED = json_util.RELAXED_JSON_OPTIONS.with_options(datetime_conversion=DatetimeConversion.DATETIME_MS)
LEGACY = json_util.LEGACY_JSON_OPTIONS.with_options(datetime_conversion=DatetimeConversion.DATETIME_MS)

values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**31), 2**31 - 1),
        st.integers(-(2**63), 2**63 - 1).map(Int64),
        st.floats(allow_nan=False, allow_infinity=False),  # the driver writes bare Infinity, which is no JSON
        st.text(st.characters(exclude_categories=["Cs"])),
        st.binary(min_size=12, max_size=12).map(ObjectId),
        st.datetimes(datetime.datetime(1, 1, 1), datetime.datetime(9999, 12, 31)).map(
            lambda d: DatetimeMS(d.replace(microsecond=d.microsecond // 1000 * 1000, tzinfo=datetime.UTC))
        ),
        st.integers(-(2**62), 2**62).map(DatetimeMS),
        st.decimals(allow_nan=False, places=3, min_value=-(10**20), max_value=10**20).map(Decimal128),
        st.binary(max_size=9).map(lambda b: Binary(b, 5)),
        st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)).map(lambda t: Timestamp(*t)),
        st.sampled_from(
            [MinKey(), MaxKey(), Regex("^a.*$", "im"), Code("f()"), Code("f()", {"x": Int64(1)})]
        ),
    ),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "c d"]), inner, max_size=3)
    ),
    max_leaves=12,
)


def _bytes(document: dict[str, Any]) -> bytes:
    return bson.encode(document)


@given(st.dictionaries(st.sampled_from("xyz"), values, max_size=3))
def test_canonical_gives_back_the_same_document(document: dict[str, Any]) -> None:
    assert _bytes(loads(json_util.dumps(document, json_options=CANONICAL))) == _bytes(document)


@given(st.dictionaries(st.sampled_from("xyz"), values, max_size=3))
def test_relaxed_and_legacy_agree_with_the_driver(document: dict[str, Any]) -> None:
    for options in (RELAXED, LEGACY):
        text = json_util.dumps(document, json_options=options)
        assert _plain(loads(text)) == _plain(json_util.loads(text, json_options=options))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, Regex):
        return value.pattern, value.flags
    if isinstance(value, datetime.datetime):
        return int(DatetimeMS(value))
    if isinstance(value, DatetimeMS):
        return int(value)
    return int(value) if isinstance(value, Int64) else value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"$numberDouble":"NaN"}', "nan"),
        ('{"$numberDouble":"-Infinity"}', float("-inf")),
        ('{"$date":{"$numberLong":"-62198755200000"}}', DatetimeMS(-62198755200000)),
        ('{"$date":"2024-01-01T00:00:00.22Z"}', DatetimeMS(1704067200220)),
        ('{"$date":"2024-01-01T02:00:00+0200"}', DatetimeMS(1704067200000)),
        ('{"$date":1704067200000}', DatetimeMS(1704067200000)),
        ('{"$type":"00","$binary":"YQ=="}', Binary(b"a", 0)),
        (
            '{"$uuid":"00112233-4455-6677-8899-aabbccddeeff"}',
            Binary(bytes.fromhex("00112233445566778899aabbccddeeff"), 4),
        ),
        ('{"$unknown":1}', {"$unknown": 1}),
        ('{"$regex":"a"}', {"$regex": "a"}),
        ('{"$type":"string"}', {"$type": "string"}),
        ('{"$undefined":true}', None),
        ("18446744073709551616", 2**64),
    ],
)
def test_single_values(text: str, value: Any) -> None:
    found = loads('{"v":' + text + "}")["v"]
    assert (str(found) if value == "nan" else found) == value


def test_the_top_level_is_never_a_wrapper() -> None:
    assert loads('{"$oid":"0123456789abcdef01234567"}') == {"$oid": "0123456789abcdef01234567"}


@pytest.mark.parametrize(
    "text",
    [
        '{"$oid":"xyz"}',
        '{"$oid":1}',
        '{"$oid":"0123456789abcdef01234567","x":1}',
        '{"$numberInt":"2147483648"}',
        '{"$numberInt":5}',
        '{"$numberLong":"9223372036854775808"}',
        '{"$numberLong":"1.0"}',
        '{"$numberDouble":"abc"}',
        '{"$numberDecimal":"x"}',
        '{"$date":"2024-01-01"}',
        '{"$date":"2024-02-30T00:00:00Z"}',
        '{"$date":true}',
        '{"$date":{"$numberInt":"5"}}',
        '{"$binary":{"base64":"%%","subType":"00"}}',
        '{"$binary":"YQ=="}',
        '{"$binary":{"base64":"YQ=="}}',
        '{"$timestamp":{"t":1}}',
        '{"$timestamp":{"t":-1,"i":1}}',
        '{"$minKey":2}',
        '{"$minKey":true}',
        '{"$uuid":"x"}',
        '{"$regularExpression":{"pattern":"a"}}',
        '{"$regularExpression":{"pattern":"a\\u0000","options":""}}',
        '{"$code":1}',
        '{"$scope":{}}',
        '{"$undefined":false}',
        '{"$symbol":1}',
    ],
)
def test_a_malformed_wrapper_is_an_error_without_its_value(text: str) -> None:
    with pytest.raises(ExtendedJsonError, match=r"^malformed \$\w+(: [a-z0-9 ]+)?$"):
        loads('{"v":' + text + "}")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"[1]", "not a document"),
        (b'{"a":NaN}', "not JSON"),
        (b'{"a":1', "not JSON"),
        (b'{"a":"\xff"}', "not UTF-8"),
        (b'{"a":"\\ud800"}', "lone surrogate"),
        (b'{"a":' + b"[" * 100000, "nested too deeply|not JSON"),
    ],
    ids=["array", "nan", "cut", "utf8", "surrogate", "deep"],
)
def test_a_bad_document_has_a_reason(data: bytes, reason: str) -> None:
    with pytest.raises(ExtendedJsonError, match=reason):
        loads(data)


@given(st.binary(max_size=60))
def test_any_bytes_give_a_document_or_the_one_error(data: bytes) -> None:
    with contextlib.suppress(ExtendedJsonError):
        assert isinstance(loads(data), dict)

"""One key for all forms of one value, and for nothing that is told apart by the documents themselves."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from bson import Binary, Code, DBRef, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from bson.datetime_ms import DatetimeMS
from hypothesis import given, settings
from hypothesis import strategies as st

from components.exports.documents import BLOCKED, MISSING
from components.exports.keys import canonical_text, id_text, identity_text, key_text, why_no_key

UUID_TEXT = "123e4567-e89b-12d3-a456-426614174000"


def _decimals(*texts: str) -> list[Decimal128]:
    return [Decimal128(text) for text in texts]


@pytest.mark.parametrize(
    ("key", "forms"),
    [
        ("7", [7, Int64(7), 7.0, *_decimals("7", "7.0", "7.00", "0.7E+1"), "7", "7.0", "7.00"]),
        ("1000001", [1000001, 1000001.0, *_decimals("1000001", "1000001.000"), "1.000001e+06", "1000001.0"]),
        ("1000000", [10**6, 1e6, *_decimals("1E+6"), "1e+06", "1E+6", "1.0E6", "1000000.0"]),
        ("1700000000123", [1700000000123, DatetimeMS(1700000000123), "1.700000000123e+12", "2023-11-14T22:13:20.123Z"]),
        ("0", [0, 0.0, -0.0, *_decimals("0", "-0", "0.00", "0E+30", "-0E-40"), "-0", "0.0", "-0.0", "0e+00"]),
        ("-5", [-5, -5.0, *_decimals("-5.00"), "-5", "-5.0", "-5e+00"]),
        ("9007199254740993", [2**53 + 1, *_decimals("9007199254740993.0"), "9007199254740993"]),
        ("9007199254740992", [2**53, 2.0**53, "9.007199254740992e+15", "9007199254740992.0"]),
        ("1234567890123456768", [1234567890123456768, 1234567890123456768.0, "1.2345678901234568e+18"]),
        ("1234567890123456800", [*_decimals("1.2345678901234568E+18"), "1.2345678901234568E+18"]),
        ("10000000-0000-0000-0000-000000000000", [*_decimals("1E+31", "1" + "0" * 31), "1E+31", "1.0E31", "1" + "0" * 31, 10**31]),
        ("0.5", [0.5, *_decimals("0.5", "0.50", "5E-1"), "0.5", "0.50", "5e-01"]),
        ("1.1", [1.1, *_decimals("1.1", "1.10"), "1.1", "1.10"]),
        ("9.313225746154785e-10", [2.0**-30, *_decimals("9.31322574615478515625E-10"), "9.313225746154785e-10"]),
        ("NaN", [float("nan"), *_decimals("NaN", "-NaN", "sNaN"), "NaN"]),
        ("Infinity", [float("inf"), *_decimals("Infinity"), "+Inf", "Infinity"]),
        ("-Infinity", [float("-inf"), *_decimals("-Infinity"), "-Inf", "-Infinity"]),
        (UUID_TEXT, [Binary(UUID(UUID_TEXT).bytes, n) for n in (0, 3, 4)] + [UUID(UUID_TEXT).hex.upper(), UUID_TEXT]),
        ("00FF", [Binary(b"\0\xff", 0), Binary(b"\0\xff", 128), b"\0\xff", "00FF"]),
        ("a" * 24, [ObjectId("a" * 24), "a" * 24, f"ObjectId({'a' * 24})", f'ObjectId("{"A" * 24}")']),
        ("-62167219200001", [DatetimeMS(-62167219200001), "-0001-12-31T23:59:59.999Z"]),
        ("253402300800000", [DatetimeMS(253402300800000), '{ "$date": { "$numberLong" : "253402300800000" }}']),
        ("true", [True, "true"]),
        ("/a/im", [Regex("a", "im"), "/a/im"]),
        ("f()", [Code("f()"), Code("f()", {"a": 1}), "f()"]),
        ("$MinKey", [MinKey(), "$MinKey"]), ("$MaxKey", [MaxKey(), "$MaxKey"]),
        ("2000", [Timestamp(2, 9), '{ "$timestamp": { "t": 2, "i": 9 } }']),
        ("{a:1,b:[2,None]}", [{"a": 1.0, "b": [Decimal128("2.0"), None]}, '{"a":1.0,"b":[2,null]}', '{ "a": 1, "b": [2, null] }']),
        ("{$ref:u,$id:5,$db:d,x:1}", [DBRef("u", 5.0, "d", x=1), {"x": 1, "$id": 5, "$ref": "u", "$db": "d"}]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_all_forms_of_a_value_are_one_key(key: str, forms: list[Any]) -> None:
    assert {repr(form): key_text(form) for form in forms} == {repr(form): key for form in forms}


@pytest.mark.parametrize(
    "text",
    [
        "", "u17", "507f1f77bcf86cd799439011", "007", "+5", "0x10", "1e5", "12e34567", "1_000", "1,5", "5.", ".5", "--5", " 7", "7 ", "7\n",
        "d41d8cd98f00b204e9800998ecf8427e", UUID_TEXT, UUID_TEXT.upper(), "1.2.3", "10.0.0.1", "2024-01-01", "1e+999", "1E+99999999999999999999",
        "ObjectId(x)", "[", "{abc}", '["a"', "None", "nan", "Inf", "Infinite", "ünï", "٣", "-", "0" * 31, "A" * 33, "2024-13-01T00:00:00Z",
    ],
)  # fmt: skip
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert canonical_text(text) == text


@settings(max_examples=500)
@given(st.one_of(st.text(), st.from_regex(r"[-+0-9.eENaInf]{1,12}", fullmatch=True), st.floats().map(repr)))
def test_a_key_is_its_own_key(text: str) -> None:
    once = canonical_text(text)
    assert canonical_text(once) == once


@settings(max_examples=500)
@given(st.integers(-(2**63), 2**63 - 1))
def test_integers_keep_their_digits_in_every_type(number: int) -> None:
    forms: list[Any] = [number, Int64(number), str(number), Decimal128(f"{number}.0"), f"{number}.00"]
    forms += [float(number), repr(float(number))] if int(float(number)) == number else []
    assert {key_text(form) for form in forms} == {str(number)}


@settings(max_examples=500)
@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_decimals_that_are_equal_are_one_key_and_others_are_not(value: Decimal) -> None:
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int) or len(digits) > 30 or abs(exponent) > 6000:
        return
    more = Decimal((sign, (*digits, 0, 0), exponent - 2))
    assert (
        key_text(Decimal128(value))
        == key_text(Decimal128(more))
        == key_text(Decimal128(more).to_decimal().__str__())
    )
    other = Decimal((sign, (*digits, 3, 7), exponent - 2))
    assert key_text(Decimal128(other)) != key_text(Decimal128(value))


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (MISSING, "missing"), (None, "missing"), (BLOCKED, "blocked"), ([], "missing"), ([None, []], "missing"), ({}, "missing"),
        ({"a": None}, "missing"), ([None, BLOCKED], "blocked"), ([1, BLOCKED], "blocked"), ("[]", "missing"), ('{"a": null}', "missing"),
        ([None, 0], ""), ({"a": ""}, ""), ("", ""), (0, ""), (False, ""), ("[x", ""),
    ],
)  # fmt: skip
def test_what_holds_no_value_is_no_key(value: Any, reason: str) -> None:
    assert why_no_key(value) == reason


def test_ids_that_are_strings_stay_apart() -> None:
    texts = ["7", "7.0", "1.10", "1.1", "A" * 32, "2024-01-01T00:00:00Z"]
    assert [id_text(text) for text in texts] == texts
    assert id_text(Decimal128("7.0")) == id_text(7.0) == "7"


def test_identities_are_equal_where_mongodb_calls_values_equal_and_only_there() -> None:
    equal = [
        [7, 7.0, Int64(7), Decimal128("7.00")],
        [0, -0.0, Decimal128("-0E+5")],
        [{"a": 1}, {"a": 1.0}],
        [DBRef("u", 1), {"$ref": "u", "$id": 1}],
    ]
    for forms in equal:
        assert len({identity_text(form) for form in forms}) == 1
    different: list[Any] = [
        1, "1", True, "true", 1.5, "1.5", "1.50", 0.1, Decimal128("0.1"), Timestamp(1, 1), Timestamp(1, 2), DatetimeMS(1), DatetimeMS(1000),
        {"a": 1}, {"a": "1"}, ["a", "b"], ["a,b"], {"a": "x,b:y"}, {"a": "x", "b": "y"}, Binary(b"a", 0), Binary(b"a", 5), Regex("a", "i"), Regex("a", ""),
    ]  # fmt: skip
    assert len({identity_text(value) for value in different}) == len(different)

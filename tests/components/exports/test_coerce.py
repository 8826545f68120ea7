"""Each BSON type converted to each field type, as in the table in docs/ingestion.md."""

from __future__ import annotations

from typing import Any

import pytest
from bson import Binary, Decimal128, Int64, MinKey, ObjectId, Regex, Timestamp
from bson.datetime_ms import DatetimeMS

from components.exports.coerce import COERCIONS, kind_of_text
from components.exports.fields import widest
from components.exports.texts import Misfit

OID = ObjectId("0123456789abcdef01234567")


@pytest.mark.parametrize(
    ("type", "value", "expected"),
    [
        ("int", Int64(2**63 - 1), 2**63 - 1), ("int", 5.0, 5), ("int", True, 1), ("int", "-12", -12),
        ("int", Decimal128("3.0"), 3), ("int", DatetimeMS(5), 5),
        ("int", Decimal128("0E+30"), 0), ("int", "1.700000000123e+12", 1700000000123), ("int", "1e+06", 10**6), ("int", "5.0", 5),
        ("int", "-0", 0), ("int", "-0.0", 0), ("int", "1E+3", 1000), ("int", "1.2345678901234568e+18", 1234567890123456768),
        ("int", "1.2345678901234568E+18", 1234567890123456800), ("int", "9007199254740993", 2**53 + 1), ("int", "1.5e+01", 15),
        ("float", 2.0**-149, 2.0**-149), ("float", 0.0, 0.0), ("float", "0e+00", 0.0), ("float", Decimal128("0E-6000"), 0.0),
        ("bool", "1", 1), ("bool", "0.0", 0), ("bool", Decimal128("1"), 1), ("date", "1.700000000123e+12", 1700000000123),
        ("date", "1700000000123", 1700000000123), ("date", Decimal128("7.0"), 7), ("date", "-0001-12-31T23:59:59.999Z", -62167219200001),
        ("date", "-292275055-05-16T16:47:04.193Z", -(2**63) + 1), ("date", "+010000-01-01T00:00:00Z", 253402300800000),
        ("float", 3, 3.0), ("float", Decimal128("2.5"), 2.5), ("float", "1e3", 1000.0), ("float", True, 1.0),
        ("bool", 1, 1), ("bool", "false", 0), ("date", DatetimeMS(-1), -1), ("date", Timestamp(2, 9), 2000),
        ("date", "2024-01-01T00:00:00Z", 1704067200000), ("date", 7.0, 7), ("string", OID, b"0123456789abcdef01234567"),
        ("string", 5, b"5"), ("string", 2.5, b"2.5"), ("string", "\u00fc", "\u00fc".encode()), ("string", True, b"true"),
        ("string", Binary(bytes(16), 4), b"00000000-0000-0000-0000-000000000000"), ("string", Regex("a", 0), b"/a/"),
        ("bytes", Binary(b"\x00\xff", 0), b"\x00\xff"), ("bytes", "a", b"a"),
    ],
)  # fmt: skip
def test_a_fitting_value_is_kept(type: str, value: Any, expected: Any) -> None:
    assert COERCIONS[type](value) == expected


@pytest.mark.parametrize(
    ("type", "value", "reason"),
    [
        ("int", 2.5, "fraction in an int field"), ("int", "abc", "string in a int field"), ("int", 2**63, "beyond int64"),
        ("int", -(2**63), "beyond int64"), ("int", float("nan"), "not a finite number"), ("int", OID, "objectid in a int field"),
        ("int", Decimal128("1E+6000"), "beyond int64"), ("int", "9" * 5000, "beyond int64"),
        ("float", float("inf"), "not a finite number"), ("float", 1e39, "beyond float32"), ("float", 10**400, "beyond float32"),
        ("float", Decimal128("sNaN"), "not a finite number"), ("float", "abc", "string in a float field"),
        ("bool", 2, "int in a bool field"), ("bool", "yes", "other word for true or false in a bool field"),
        ("bool", "True", "other word for true or false in a bool field"), ("bool", "2", "string in a bool field"),
        ("bool", "maybe", "string in a bool field"), ("date", "2024-01-01", "date without a zone in a date field"),
        ("date", "2024-01-01 10:00:00", "date without a zone in a date field"), ("date", "1.5", "fraction in an int field"),
        ("date", DatetimeMS(-(2**63)), "beyond int64"), ("date", -(2**63), "beyond int64"), ("date", "NaN", "not a finite number"),
        ("int", "3,14", "number with a comma in a int field"), ("float", "3,14", "number with a comma in a float field"),
        ("float", "1.234,50", "number with a comma in a float field"), ("float", "3;14", "string in a float field"),
        ("int", "1.5e+00", "fraction in an int field"), ("int", "1e+400", "not a finite number"), ("int", "1E+400", "beyond int64"),
        ("int", "1.00000000000000000001", "fraction in an int field"), ("int", "+Inf", "not a finite number"),
        ("float", "-Inf", "not a finite number"), ("float", "nan", "not a finite number"), ("float", "1e-46", "below float32"),
        ("float", 1e-46, "below float32"), ("float", -5e-324, "below float32"), ("float", Decimal128("1E-6000"), "below float32"),
        ("float", "1e-6000", "below float32"),
        ("date", True, "bool in a date field"), ("string", {"a": 1}, "document in a string field"),
        ("string", MinKey(), "minkey in a string field"), ("float", [1], "array in a float field"),
    ],
)  # fmt: skip
def test_a_misfit_is_refused_with_its_reason(type: str, value: Any, reason: str) -> None:
    with pytest.raises(Misfit, match=f"^{reason}$"):
        COERCIONS[type](value)


@pytest.mark.parametrize(
    ("kinds", "type"),
    [
        ({"int"}, "int"), ({"int", "float"}, "float"), ({"bool"}, "bool"), ({"bool", "int"}, "int"), ({"int", "string"}, "string"),
        ({"date"}, "date"), ({"date", "int"}, "string"), ({"decimal"}, "float"), ({"objectid"}, "string"), ({"binary"}, "bytes"),
        ({"binary", "string"}, "string"), ({"null"}, None), (set(), None), ({"document", "int"}, "int"),
    ],
)  # fmt: skip
def test_types_widen(kinds: set[str], type: str | None) -> None:
    assert widest(kinds) == type


@pytest.mark.parametrize(
    ("kind", "texts"),
    [
        ("int", ["0", "-5", "1e+06", "1.000001e+06", "1.700000000123e+12", "1700000000123.0", "1.7E12", "16777216.0", "1E+3", "9223372036854775807"]),
        ("float", ["5.0", "0.5", "-0.0", "1e-05", "1e+300", "1.5e+00", "16777216.5", "NaN", "nan", "+Inf", "-Infinity", "inf", ".5", "9.3e+18"]),
        ("bool", ["true", "false"]),
        ("date", ["2024-01-01T00:00:00Z", "-0001-12-31T23:59:59.999Z"]),
        ("string", ["007", "+5", "True", "NA", "N/A", "null", "1,5", "1e", "infinite", "Nancy", "", "2024-01-01", "x5", "\u0663"]),
    ],
)  # fmt: skip
def test_cells_of_csv_have_the_kind_that_they_look_like(kind: str, texts: list[str]) -> None:
    assert {text: kind_of_text(text) for text in texts} == dict.fromkeys(texts, kind)

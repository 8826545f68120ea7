"""Converts values to the type of their field; a value that does not fit is a misfit with a reason and is never altered."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from bson import Binary, Code, Decimal128, MaxKey, MinKey, ObjectId, Regex, Timestamp
from bson.datetime_ms import DatetimeMS
from bson.dbref import DBRef

from components.exports.documents import BLOCKED
from components.exports.extended_json import parse_date
from components.exports.texts import (
    FLOAT_TEXT,
    INT64_MAX,
    INT64_MIN,
    INT_TEXT,
    NOT_FINITE,
    NOT_FINITE_TEXT,
    Misfit,
    decimal_of,
    misfit,
    text_misfit,
    whole,
    whole_decimal,
    whole_text,
)

EXACT_IN_FLOAT32 = 2.0**24
SECONDS_FROM, SECONDS_TO = 10**8, 10**10
"""As seconds, 1973 to 2286; as milliseconds, 2 January to 26 April 1970."""
FLOAT32_MAX = 3.4028235677973366e38
"""The first double that float32 rounds to infinity."""
FLOAT32_ZERO = 2.0**-150
"""The last double that float32 rounds to zero."""

_OBJECTID_TEXT = re.compile(r"[0-9a-fA-F]{24}", re.ASCII)
_PLAIN_INT = re.compile(r"-?(0|[1-9]\d*)", re.ASCII)
_NO_PLAIN_TEXT = frozenset("+-.0123456789NnIitf")
"""How numbers, dates, ``NaN``, ``Inf``, ``true`` and ``false`` begin."""


def kind_of(value: Any) -> str:
    """Returns the kind of a value, from which types are inferred: ``int``, ``float``, ``string``, ``date`` and so on."""
    return _KINDS.get(type(value)) or _rare_kind(value)


def kind_of_text(value: Any) -> str:
    """Returns the kind that a CSV cell looks like; text such as ``007`` remains a string."""
    if not isinstance(value, str):
        return kind_of(value)
    if value[:1] not in _NO_PLAIN_TEXT:
        return "string"
    if _PLAIN_INT.fullmatch(value):
        return "int"
    if FLOAT_TEXT.fullmatch(value) and not INT_TEXT.fullmatch(value):
        return "int" if _is_whole_double(value) else "float"
    if NOT_FINITE_TEXT.fullmatch(value):
        return "float"
    if value in ("true", "false"):
        return "bool"
    try:
        parse_date(value)
    except ValueError:
        return "string"
    return "date"


def _is_whole_double(value: str) -> bool:
    """Returns whether a number is whole and written as ``mongoexport`` writes a double, or beyond what float32 holds exactly.

    A smaller whole double has no fraction there either: ``5`` and ``1e+06`` are one column. ``5.0`` says that it is a float.
    """
    if "e" not in value and "E" not in value and abs(float(value)) < EXACT_IN_FLOAT32:
        return False
    try:
        return INT64_MIN < whole_text(value, "int") <= INT64_MAX
    except Misfit:
        return False


def _rare_kind(value: Any) -> str:
    if isinstance(value, int):
        return "int"
    if isinstance(value, Binary):
        return "uuid" if value.subtype == 4 and len(value) == 16 else "binary"
    if isinstance(value, Code):
        return "code"
    return "blocked" if value is BLOCKED else "document"


_KINDS: dict[type, str] = {
    bool: "bool",
    int: "int",
    float: "float",
    str: "string",
    DatetimeMS: "date",
    ObjectId: "objectid",
    Decimal128: "decimal",
    bytes: "binary",
    Timestamp: "timestamp",
    Regex: "regex",
    MinKey: "minkey",
    MaxKey: "maxkey",
    type(None): "null",
    DBRef: "document",
    dict: "document",
    list: "array",
}


def to_int(value: Any) -> int:
    """Returns the value as an integer."""
    kind = kind_of(value)
    if kind in ("int", "bool"):
        number = int(value)
    elif kind in ("date", "timestamp"):
        number = to_date(value)
    elif kind == "float":
        number = whole(value)
    elif kind == "decimal":
        number = whole_decimal(value.to_decimal())
    elif kind == "string":
        number = _int_of_text(value)
    else:
        raise misfit(kind, "int")
    return _in_int64(number)


def _int_of_text(value: str) -> int:
    """Returns what an int field takes of another type's value, too, where CSV holds it as text."""
    if INT_TEXT.fullmatch(value):
        return whole_text(value, "int")
    if value in ("true", "false"):
        return int(value == "true")
    try:
        return parse_date(value) if "T" in value else whole_text(value, "int")
    except ValueError as error:
        raise text_misfit(value, "int") from error


def _in_int64(number: int) -> int:
    if not INT64_MIN < number <= INT64_MAX:
        raise Misfit("beyond int64")
    return number


def to_float(value: Any) -> float:
    """Returns the value as a double, if it is in the range of float32."""
    kind = kind_of(value)
    if kind in ("int", "bool", "float"):
        number = _double(value)
    elif kind == "decimal":
        number = float(value.to_decimal()) if not value.to_decimal().is_snan() else math.nan
    elif kind == "string" and FLOAT_TEXT.fullmatch(value):
        number = float(value)
    elif value in ("true", "false"):
        return float(value == "true")
    elif kind == "string":
        raise text_misfit(value, "float")
    else:
        raise misfit(kind, "float")
    if math.isnan(number):
        raise Misfit(NOT_FINITE)
    if abs(number) >= FLOAT32_MAX:
        raise Misfit(NOT_FINITE if math.isinf(number) and kind != "string" else "beyond float32")
    if abs(number) <= FLOAT32_ZERO and number_of(value):
        raise Misfit("below float32")
    return number


def number_of(value: Any) -> int | float | Decimal:
    """Returns the exact number behind a value that fits a float field."""
    if isinstance(value, Decimal128):
        return value.to_decimal()
    if value in ("true", "false"):
        return int(value == "true")
    return decimal_of(value) if isinstance(value, str) else value


def _double(value: int | float) -> float:
    try:
        return float(value)
    except OverflowError as error:
        raise Misfit("beyond float32") from error


def to_bool(value: Any) -> int:
    """Returns 0 or 1."""
    kind = kind_of(value)
    if kind == "bool" or (kind in ("int", "float") and value in (0, 1)):
        return int(value)
    if value in ("true", "false"):
        return int(value == "true")
    number = None
    if kind == "decimal":
        number = value.to_decimal()
    elif kind == "string" and FLOAT_TEXT.fullmatch(value):
        number = decimal_of(value)
    if number is not None and number.is_finite() and number in (0, 1):
        return int(number)
    raise text_misfit(value, "bool") if kind == "string" else misfit(kind, "bool")


def to_date(value: Any) -> int:
    """Returns epoch milliseconds; text must be ISO-8601 with time and zone, numbers whole milliseconds."""
    kind = kind_of(value)
    if kind in ("date", "int"):
        number = int(value)
    elif kind == "timestamp":
        number = value.time * 1000
    elif kind == "float":
        number = whole(value)
    elif kind == "decimal":
        number = whole_decimal(value.to_decimal())
    elif kind == "string":
        number = _date_of_text(value)
    else:
        raise misfit(kind, "date")
    return _in_int64(number)


def is_number(value: Any) -> bool:
    """Returns whether a value is a number, or text that stands for one."""
    return kind_of(value) in ("int", "float", "decimal") or bool(
        isinstance(value, str) and FLOAT_TEXT.fullmatch(value)
    )


def in_seconds(number: int) -> bool:
    """Returns whether a number is more likely epoch seconds than milliseconds, which would be a day of early 1970."""
    return SECONDS_FROM <= abs(number) < SECONDS_TO


def _date_of_text(value: str) -> int:
    try:
        return parse_date(value)
    except ValueError as error:
        if FLOAT_TEXT.fullmatch(value):
            return whole_text(value, "date")
        raise text_misfit(value, "date") from error


def to_objectid_time(value: Any) -> int:
    """Returns when an ObjectId was created, in epoch milliseconds: its first four bytes are seconds."""
    kind = kind_of(value)
    if kind == "objectid":
        return int.from_bytes(value.binary[:4], "big") * 1000
    if kind == "string" and _OBJECTID_TEXT.fullmatch(value):
        return int(value[:8], 16) * 1000
    raise misfit(kind, "objectid_time")


def to_string(value: Any) -> bytes:
    """Returns the canonical text of a scalar as UTF-8."""
    kind = kind_of(value)
    if kind == "string":
        return value.encode("utf-8")
    if kind in ("document", "array", "minkey", "maxkey", "blocked"):
        raise misfit(kind, "string")
    return scalar_text(value).encode("utf-8")


def to_bytes(value: Any) -> bytes:
    """Returns the bytes of a binary, or the canonical text of another scalar."""
    if kind_of(value) in ("binary", "uuid"):
        return bytes(value)
    return to_string(value)


def scalar_text(value: Any) -> str:
    """Returns the text of a scalar, the same in every format that has types, for string features.

    Whole floats are written like integers.
    """
    kind = kind_of(value)
    if kind == "string":
        return str(value)
    if kind == "bool":
        return "true" if value else "false"
    if kind in ("int", "date"):
        return str(int(value))
    if kind == "float":
        return str(int(value)) if value.is_integer() else repr(value)
    if kind == "timestamp":
        return str(value.time * 1000)
    if kind == "uuid":
        return str(value.as_uuid())
    if kind == "binary":
        return bytes(value).hex()
    if kind == "regex":
        return f"/{value.pattern}/"
    return str(value)


COERCIONS: dict[str, Callable[[Any], Any]] = {
    "int": to_int,
    "float": to_float,
    "bool": to_bool,
    "date": to_date,
    "objectid_time": to_objectid_time,
    "string": to_string,
    "bytes": to_bytes,
}

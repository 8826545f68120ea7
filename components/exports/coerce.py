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

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
FLOAT32_MAX = 3.4028235677973366e38
"""The first double that float32 rounds to infinity."""

_INT_TEXT = re.compile(r"[+-]?\d+", re.ASCII)
_FLOAT_TEXT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_OBJECTID_TEXT = re.compile(r"[0-9a-fA-F]{24}", re.ASCII)
_PLAIN_INT = re.compile(r"-?(0|[1-9]\d*)", re.ASCII)


class Misfit(Exception):  # noqa: N818 - a finding about a value, not a failure
    """The value does not fit the type of its field; the message gives the reason, never the value."""


def kind_of(value: Any) -> str:
    """Returns the kind of a value, from which types are inferred: ``int``, ``float``, ``string``, ``date`` and so on."""
    return _KINDS.get(type(value)) or _rare_kind(value)


def kind_of_text(value: Any) -> str:
    """Returns the kind that a CSV cell looks like; text such as ``007`` remains a string."""
    if not isinstance(value, str):
        return kind_of(value)
    if _PLAIN_INT.fullmatch(value):
        return "int"
    if _FLOAT_TEXT.fullmatch(value) and not _INT_TEXT.fullmatch(value):
        return "float"
    if value in ("true", "false"):
        return "bool"
    try:
        parse_date(value)
    except ValueError:
        return "string"
    return "date"


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
        number = _whole(value)
    elif kind == "decimal":
        number = _whole_decimal(value.to_decimal())
    elif kind == "string" and _INT_TEXT.fullmatch(value):
        number = int(value) if len(value) < 40 else INT64_MAX + 1
    else:
        raise _misfit(kind, "int")
    if not INT64_MIN < number <= INT64_MAX:
        raise Misfit("beyond int64")
    return number


def _whole(value: float) -> int:
    if math.isnan(value) or math.isinf(value):
        raise Misfit("not a finite number")
    if not value.is_integer():
        raise Misfit("fraction in an int field")
    return int(value)


def _whole_decimal(value: Decimal) -> int:
    if not value.is_finite():
        raise Misfit("not a finite number")
    if value.adjusted() > 20:
        raise Misfit("beyond int64")
    if value != value.to_integral_value():
        raise Misfit("fraction in an int field")
    return int(value)


def to_float(value: Any) -> float:
    """Returns the value as a double, if it is in the range of float32."""
    kind = kind_of(value)
    if kind in ("int", "bool", "float"):
        number = _double(value)
    elif kind == "decimal":
        number = float(value.to_decimal()) if not value.to_decimal().is_snan() else math.nan
    elif kind == "string" and _FLOAT_TEXT.fullmatch(value):
        number = float(value)
    else:
        raise _misfit(kind, "float")
    if math.isnan(number):
        raise Misfit("not a finite number")
    if abs(number) >= FLOAT32_MAX:
        raise Misfit("not a finite number" if math.isinf(number) and kind != "string" else "beyond float32")
    return number


def number_of(value: Any) -> int | float | Decimal:
    """Returns the exact number behind a value that fits a float field."""
    if isinstance(value, Decimal128):
        return value.to_decimal()
    return Decimal(value) if isinstance(value, str) else value


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
    raise _misfit(kind, "bool")


def to_date(value: Any) -> int:
    """Returns epoch milliseconds; text must be ISO-8601 with time and zone, numbers whole milliseconds."""
    kind = kind_of(value)
    if kind == "date":
        number = int(value)
    elif kind == "timestamp":
        number = value.time * 1000
    elif kind == "int":
        number = int(value)
    elif kind == "float":
        number = _whole(value)
    elif kind == "string":
        try:
            number = parse_date(value)
        except ValueError as error:
            raise Misfit("string in a date field") from error
    else:
        raise _misfit(kind, "date")
    if not INT64_MIN < number <= INT64_MAX:
        raise Misfit("beyond int64")
    return number


def to_objectid_time(value: Any) -> int:
    """Returns when an ObjectId was created, in epoch milliseconds: its first four bytes are seconds."""
    kind = kind_of(value)
    if kind == "objectid":
        return int.from_bytes(value.binary[:4], "big") * 1000
    if kind == "string" and _OBJECTID_TEXT.fullmatch(value):
        return int(value[:8], 16) * 1000
    raise _misfit(kind, "objectid_time")


def to_string(value: Any) -> bytes:
    """Returns the canonical text of a scalar as UTF-8."""
    kind = kind_of(value)
    if kind == "string":
        return value.encode("utf-8")
    if kind in ("document", "array", "minkey", "maxkey", "blocked"):
        raise _misfit(kind, "string")
    return scalar_text(value).encode("utf-8")


def to_bytes(value: Any) -> bytes:
    """Returns the bytes of a binary, or the canonical text of another scalar."""
    if kind_of(value) in ("binary", "uuid"):
        return bytes(value)
    return to_string(value)


def scalar_text(value: Any) -> str:
    """Returns the text of a scalar, the same in every format, for split keys and string features.

    Whole floats are written like integers, so 1, 1.0 and "1" are the same key.
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


def key_text(value: Any) -> str:
    """Returns the text of any value as a key; documents and arrays join the texts of their parts."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{name}:{key_text(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(key_text(item) for item in value) + "]"
    return scalar_text(value)


def _misfit(kind: str, wanted: str) -> Misfit:
    return Misfit("no document on the way" if kind == "blocked" else f"{kind} in a {wanted} field")


COERCIONS: dict[str, Callable[[Any], Any]] = {
    "int": to_int,
    "float": to_float,
    "bool": to_bool,
    "date": to_date,
    "objectid_time": to_objectid_time,
    "string": to_string,
    "bytes": to_bytes,
}

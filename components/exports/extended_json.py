"""Reads MongoDB Extended JSON: version 2, canonical and relaxed, and legacy version 1.

A wrapper such as ``{"$oid": …}`` must have exactly its own keys with values of the right types; anything else under a
known wrapper key is an error. An object whose ``$key`` is not a wrapper is kept as it is. The top level is never a wrapper.
Dates are kept as ``DatetimeMS`` (milliseconds), which can hold every year that BSON can.

Differences from ``bson.json_util``: dates of any year never raise; a ``$numberInt`` or ``$numberLong`` that does not
fit and broken base64 are errors; plain JSON integers beyond 64 bits are kept exactly; DBRefs remain documents; ``$uuid`` gives
a ``Binary`` of subtype 4, ``$symbol`` a string, ``$undefined`` None.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import decimal
import json
import re
from collections.abc import Callable
from typing import Any

import orjson
from bson import Binary, Code, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from bson.datetime_ms import DatetimeMS
from bson.dbref import DBRef

_DATE = re.compile(
    r"(\d{4}|[+-]\d{4,9})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d(?::?\d\d)?)", re.ASCII
)
_INTEGER = re.compile(r"-?\d+", re.ASCII)
_DOUBLE = re.compile(r"-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|-?Infinity|NaN", re.ASCII)
_OID = re.compile(r"[0-9a-fA-F]{24}", re.ASCII)
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)
_NO_NULL = re.compile(r"[^\0]*")
_LONG_DIGITS = re.compile(rb"[:\[,\s]-?\d{19}")
NOT_JSON = "not JSON"
TOO_DEEP = "nested too deeply"
MOST_LEVELS = 200
"""MongoDB stores at most 180 levels; a fixed limit does not depend on who calls."""
_EPOCH_DAY = datetime.date(1970, 1, 1).toordinal()
_DAYS_OF_400_YEARS = 146_097


class ExtendedJsonError(ValueError):
    """A document is not JSON, or a wrapper in it is malformed; the message contains no value of the document."""


def loads(data: bytes | str) -> dict[str, Any]:
    """Reads one document of Extended JSON with all its values.

    Raises:
        ExtendedJsonError: The text is not JSON, not a document, or holds a malformed wrapper.
    """
    return decode_document(parse(data.encode() if isinstance(data, str) else data))


def parse(data: bytes) -> dict[str, Any]:
    """Reads one JSON object and leaves its wrappers as they are.

    Raises:
        ExtendedJsonError: The text is not strict JSON or not an object.
    """
    value = parse_value(data)
    if not isinstance(value, dict):
        raise ExtendedJsonError("not a document")
    return value


def parse_value(data: bytes) -> Any:
    """Reads one JSON value and leaves its wrappers as they are.

    orjson turns integers beyond 64 bits into floats and rejects numbers beyond a double: text that may hold one
    is read by the standard library, which is exact.

    Raises:
        ExtendedJsonError: The text is not strict JSON.
    """
    try:
        return _parse_exactly(data) if _LONG_DIGITS.search(data) else orjson.loads(data)
    except orjson.JSONDecodeError:
        return _parse_exactly(data)


def _parse_exactly(data: bytes) -> Any:
    try:
        value = json.loads(data.decode("utf-8"), parse_constant=_refuse_constant)
        json.dumps(value, ensure_ascii=False).encode("utf-8")  # a lone surrogate is not text
    except UnicodeDecodeError as error:
        raise ExtendedJsonError("not UTF-8") from error
    except UnicodeEncodeError as error:
        raise ExtendedJsonError("lone surrogate in a string") from error
    except RecursionError as error:
        raise ExtendedJsonError(TOO_DEEP) from error
    except ValueError as error:
        raise ExtendedJsonError(NOT_JSON) from error
    return value


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)


def decode_document(value: dict[str, Any]) -> dict[str, Any]:
    """Turns the wrappers inside a document into BSON values; the document itself is never one.

    Raises:
        ExtendedJsonError: A wrapper has missing, extra or wrongly typed parts, or the document is nested too deeply.
    """
    try:
        return _decode_members(value, 0)
    except RecursionError as error:  # scopes of code inside scopes
        raise ExtendedJsonError(TOO_DEEP) from error


def decode_value(value: Any) -> Any:
    """Turns one JSON value into its BSON value.

    Raises:
        ExtendedJsonError: A wrapper has missing, extra or wrongly typed parts, or the value is nested too deeply.
    """
    try:
        return _decode(value, 0)
    except RecursionError as error:
        raise ExtendedJsonError(TOO_DEEP) from error


def _decode(value: Any, depth: int) -> Any:
    if isinstance(value, dict):
        for key in value:
            if key.startswith("$") and key in _WRAPPERS:
                return _unwrap(key, value, depth)
        return _decode_members(value, depth)
    if isinstance(value, list):
        if depth >= MOST_LEVELS:
            raise ExtendedJsonError(TOO_DEEP)
        return [_decode(item, depth + 1) for item in value]
    return value


def _decode_members(value: dict[str, Any], depth: int) -> dict[str, Any]:
    if depth >= MOST_LEVELS:
        raise ExtendedJsonError(TOO_DEEP)
    return {key: _decode(item, depth + 1) for key, item in value.items()}


def _unwrap(key: str, value: dict[str, Any], depth: int) -> Any:
    read, companions = _WRAPPERS[key]
    if key in _QUERY_OPERATORS and not _is_legacy_wrapper(key, value):
        return _decode_members(value, depth)  # {"$regex": …} and {"$type": …} are also query operators
    others = {other for other in value if other != key}
    if others - companions:
        raise ExtendedJsonError(f"malformed {key}: it has other keys beside it")
    try:
        return read(value)
    except ExtendedJsonError:
        raise
    except (ValueError, TypeError, KeyError, OverflowError, decimal.DecimalException) as error:
        raise ExtendedJsonError(f"malformed {key}") from error


def _is_legacy_wrapper(key: str, value: dict[str, Any]) -> bool:
    if key == "$type":
        return "$binary" in value
    return isinstance(value["$regex"], str) and set(value) == {"$regex", "$options"}


def _text(value: Any, pattern: re.Pattern[str] | None = None) -> str:
    if not isinstance(value, str) or (pattern and not pattern.fullmatch(value)):
        raise ValueError
    return value


def _integer(text: Any, bits: int) -> int:
    number = int(_text(text, _INTEGER))
    if not -(1 << (bits - 1)) <= number < 1 << (bits - 1):
        raise ValueError
    return number


def _plain_int(value: Any, low: int, high: int) -> int:
    if type(value) is not int or not low <= value <= high:
        raise ValueError
    return value


def _date(value: dict[str, Any]) -> DatetimeMS:
    inner = value["$date"]
    if isinstance(inner, dict):
        if set(inner) != {"$numberLong"}:
            raise ValueError
        return DatetimeMS(_integer(inner["$numberLong"], 64))
    if isinstance(inner, str):
        return DatetimeMS(parse_date(inner))
    return DatetimeMS(_plain_int(inner, -(2**63), 2**63 - 1))


def parse_date(text: str) -> int:
    """Returns the epoch milliseconds of an ISO-8601 date with time and zone; digits past milliseconds are dropped.

    Years before 0 and after 9999 have a sign, as ``mongoexport`` and JavaScript write them.

    Raises:
        ValueError: The text is not such a date.
    """
    found = _DATE.fullmatch(text)
    if not found:
        raise ValueError("not an ISO-8601 date with time and zone")
    year, month, day, hour, minute, second = (int(part) for part in found.groups()[:6])
    if hour > 23 or minute > 59 or second > 59:
        raise ValueError("no such time of day")
    cycles, year = divmod(
        year, 400
    )  # ``datetime`` knows the years 1 to 9999 only; the calendar repeats after 400
    days = datetime.date(year + 400, month, day).toordinal() - _EPOCH_DAY + (cycles - 1) * _DAYS_OF_400_YEARS
    zone = found[8]
    shift = 0
    if zone != "Z":
        digits = zone[1:].replace(":", "")
        shift = int(digits[:2]) * 60 + int(digits[2:] or 0)
        shift = -shift if zone[0] == "-" else shift
    millis = int((found[7] or "0").ljust(3, "0")[:3])
    moment = ((days * 24 + hour) * 60 + minute - shift) * 60_000 + second * 1000 + millis
    if not -(2**63) <= moment < 2**63:
        raise ValueError("beyond the dates of BSON")
    return moment


def _binary(value: dict[str, Any]) -> Binary | bytes:
    inner = value["$binary"]
    if isinstance(inner, dict):
        if set(inner) != {"base64", "subType"} or "$type" in value:
            raise ValueError
        data, subtype = inner["base64"], inner["subType"]
    else:
        data, subtype = inner, value["$type"]
        subtype = f"{subtype:02x}" if type(subtype) is int else subtype
    if not re.fullmatch(r"[0-9a-fA-F]{1,8}", _text(subtype)):
        raise ValueError
    number = int(subtype[-2:], 16)
    try:
        return Binary(base64.b64decode(_text(data), validate=True), number)
    except binascii.Error as error:
        raise ExtendedJsonError("malformed $binary: not base64") from error


def _timestamp(value: dict[str, Any]) -> Timestamp:
    inner = value["$timestamp"]
    if not isinstance(inner, dict) or set(inner) != {"t", "i"}:
        raise ValueError
    return Timestamp(_plain_int(inner["t"], 0, 2**32 - 1), _plain_int(inner["i"], 0, 2**32 - 1))


def _regular_expression(value: dict[str, Any]) -> Regex[str]:
    inner = value["$regularExpression"]
    if not isinstance(inner, dict) or set(inner) != {"pattern", "options"}:
        raise ValueError
    return _regex(inner["pattern"], inner["options"])


def _regex(pattern: Any, options: Any) -> Regex[str]:
    return Regex(_text(pattern, _NO_NULL), "".join(sorted(_text(options, re.compile("[a-z]*")))))


def _code(value: dict[str, Any]) -> Code:
    scope = value.get("$scope")
    if "$scope" in value and not isinstance(scope, dict):
        raise ValueError
    return Code(_text(value["$code"]), None if scope is None else decode_document(scope))


def _db_pointer(value: dict[str, Any]) -> DBRef:
    inner = value["$dbPointer"]
    if not isinstance(inner, dict) or set(inner) != {"$ref", "$id"}:
        raise ValueError
    identifier = decode_value(inner["$id"])
    if not isinstance(identifier, ObjectId):
        raise ValueError
    return DBRef(_text(inner["$ref"]), identifier)


def _constant(key: str, expected: object, result: object) -> Callable[[dict[str, Any]], Any]:
    def read(value: dict[str, Any]) -> object:
        if type(value[key]) is not type(expected) or value[key] != expected:
            raise ValueError
        return result

    return read


_WRAPPERS: dict[str, tuple[Callable[[dict[str, Any]], Any], frozenset[str]]] = {
    "$oid": (lambda v: ObjectId(_text(v["$oid"], _OID)), frozenset()),
    "$symbol": (lambda v: _text(v["$symbol"]), frozenset()),
    "$numberInt": (lambda v: _integer(v["$numberInt"], 32), frozenset()),
    "$numberLong": (lambda v: Int64(_integer(v["$numberLong"], 64)), frozenset()),
    "$numberDouble": (lambda v: float(_text(v["$numberDouble"], _DOUBLE)), frozenset()),
    "$numberDecimal": (lambda v: Decimal128(_text(v["$numberDecimal"])), frozenset()),
    "$binary": (_binary, frozenset({"$type"})),
    "$type": (_binary, frozenset({"$binary"})),
    "$uuid": (lambda v: Binary(bytes.fromhex(_text(v["$uuid"], _UUID).replace("-", "")), 4), frozenset()),
    "$code": (_code, frozenset({"$scope"})),
    "$scope": (_code, frozenset({"$code"})),
    "$timestamp": (_timestamp, frozenset()),
    "$regularExpression": (_regular_expression, frozenset()),
    "$regex": (lambda v: _regex(v["$regex"], v["$options"]), frozenset({"$options"})),
    "$dbPointer": (_db_pointer, frozenset()),
    "$date": (_date, frozenset()),
    "$minKey": (_constant("$minKey", 1, MinKey()), frozenset()),
    "$maxKey": (_constant("$maxKey", 1, MaxKey()), frozenset()),
    "$undefined": (_constant("$undefined", True, None), frozenset()),
}
WRAPPER_KEYS = frozenset(_WRAPPERS)
_QUERY_OPERATORS = frozenset({"$regex", "$type"})

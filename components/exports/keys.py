"""The text of a key: one text for all forms in which MongoDB and its tools write one value.

A split is decided by this text, so it must be the same for JSON, BSON, archives, Parquet and CSV. CSV has no types: it
holds the text of a value alone. Therefore the key of a value is the key of the text that ``mongoexport --type=csv`` writes for it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from decimal import Decimal, DecimalException
from typing import Any
from uuid import UUID

from bson import Regex
from bson.dbref import DBRef

from components.exports import extended_json
from components.exports.coerce import kind_of, scalar_text
from components.exports.documents import BLOCKED, MISSING

SEVERAL_FORMS = r"^(-?\d+[.eE]|-0$|[-+]?(Inf|NaN)|[0-9A-F]{32}$|ObjectId\(|[\[{]|[-+]?\d{4,9}-\d\d-\d\dT)"
"""Text that may stand for a value with other forms; every other text is its own key. Python and RE2 read it alike."""
_SEVERAL_FORMS = re.compile(SEVERAL_FORMS, re.ASCII)
_NUMBER = re.compile(
    r"-?(?:0|[1-9]\d*)(?:\.\d+)?"  # as Decimal128, pandas and most others write it
    r"|-?\d(?:\.\d+)?[eE][+-]\d+"  # large and small doubles, and Decimal128; the sign keeps hex digits apart
    r"|-?\d\.\d+E\d+",  # doubles as Java and Spark write them
    re.ASCII,
)
_UUID = re.compile(r"[0-9A-F]{32}", re.ASCII)
_OBJECTID = re.compile(r"ObjectId\([\"']?([0-9a-fA-F]{24})[\"']?\)", re.ASCII)
_NOT_FINITE = {
    "NaN": "NaN",
    "+Inf": "Infinity",
    "-Inf": "-Infinity",
    "Infinity": "Infinity",
    "-Infinity": "-Infinity",
}
_UUID_BYTES = 16
_REGEX_OPTIONS = [(name, int(getattr(re, name.upper()))) for name in "ilmsux"]
_MOST_DIGITS = 400
"""Whole numbers are written as digits up to here; a double has at most 309."""


def why_no_key(value: Any) -> str:
    """Returns why a value is no key: ``missing``, ``blocked``, or an empty string if it is one.

    A null, and an array or a document without any other value, is no key: else all documents that have it would be in
    one split.
    """
    if value is BLOCKED:
        return "blocked"
    if value is MISSING or value is None:
        return "missing"
    if isinstance(value, str) and value.startswith(("[", "{")):
        value = _parsed(value)
    if isinstance(value, (list, dict)):
        parts = value if isinstance(value, list) else value.values()
        reasons = {why_no_key(part) for part in parts}
        return "blocked" if "blocked" in reasons else "" if "" in reasons else "missing"
    return ""


def key_text(value: Any) -> str:
    """Returns the text of a value as a key; documents and arrays join the texts of their parts."""
    return _text(value, canonical_text)


def id_text(value: Any) -> str:
    """Returns the text of an ``_id``: its key, but strings stay as they are, so that different ones stay different."""
    return _text(value, str)


def identity_text(value: Any) -> str:
    """Returns a text that is the same for two values where MongoDB calls them equal, and only there.

    Change events of one document are found by it. A key may take two values for one, which only puts them into one split;
    here a document would be lost.
    """
    if isinstance(value, DBRef):
        value = dict(value.as_doc())
    if isinstance(value, dict):
        return "{" + ",".join([f"{name!r}:{identity_text(item)}" for name, item in value.items()]) + "}"
    if isinstance(value, list):
        return "[" + ",".join([identity_text(item) for item in value]) + "]"
    kind = kind_of(value)
    if kind in ("int", "float", "decimal"):
        return f"number:{_exact(value.to_decimal() if kind == 'decimal' else value)}"
    if kind == "timestamp":
        return f"timestamp:{value.time}.{value.inc}"
    if kind == "binary":
        return f"binary:{getattr(value, 'subtype', 0)}:{bytes(value).hex()}"
    return f"string:{value!r}" if kind == "string" else f"{kind}:{_scalar(value)}"


def _exact(number: int | float | Decimal) -> str:
    exact = number if isinstance(number, float) and not math.isfinite(number) else Decimal(number)
    return (
        _digits(exact) if exact and isinstance(exact, Decimal) and exact.is_finite() else number_text(exact)
    )


def _text(value: Any, of_string: Callable[[str], str]) -> str:
    if isinstance(value, str) and kind_of(value) == "string":
        return of_string(value)
    if isinstance(value, DBRef):
        value = dict(value.as_doc())
    if isinstance(value, dict):
        parts = []
        for name, item in _in_order(value):
            parts.append(f"{name}:{_text(item, of_string)}")
        return "{" + ",".join(parts) + "}"
    if isinstance(value, list):
        items = []
        for item in value:
            items.append(_text(item, of_string))
        return "[" + ",".join(items) + "]"
    return _scalar(value)


def _in_order(value: dict[str, Any]) -> list[tuple[str, Any]]:
    """Returns the fields of a document in its order; those of a DBRef in the order in which drivers return them."""
    if not ("$ref" in value and "$id" in value):
        return list(value.items())
    first = [name for name in ("$ref", "$id", "$db") if name in value]
    return [(name, value[name]) for name in [*first, *(n for n in value if n not in first)]]


def _scalar(value: Any) -> str:
    kind = kind_of(value)
    if kind in ("int", "float"):
        return number_text(value)
    if kind == "decimal":
        return number_text(value.to_decimal())
    if kind in ("uuid", "binary"):
        return str(UUID(bytes=bytes(value))) if len(value) == _UUID_BYTES else bytes(value).hex().upper()
    if kind == "regex":
        return _regex(value)
    if kind == "code":
        return canonical_text(str(value))
    if kind in ("minkey", "maxkey"):
        return "$MinKey" if kind == "minkey" else "$MaxKey"
    return scalar_text(value)


def _regex(value: Regex[Any]) -> str:
    """Returns a regular expression between slashes, followed by its options, as MongoDB's tools write it."""
    return f"/{value.pattern}/" + "".join(name for name, bit in _REGEX_OPTIONS if value.flags & bit)


def number_text(value: int | float | Decimal) -> str:
    """Returns the one text of a number: digits if it is whole, else the shortest that gives back its double.

    A Decimal128 has the text of a double that equals it, or that is written with the same digits; otherwise its own digits.
    """
    if isinstance(value, float):
        if math.isfinite(value):
            return _whole(int(value)) if value.is_integer() else repr(value)
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, int):
        return _whole(value)
    if not value.is_finite():
        return "NaN" if value.is_nan() else "Infinity" if value > 0 else "-Infinity"
    if not value:
        return "0"
    if value.adjusted() < _MOST_DIGITS and value == value.to_integral_value():
        return _whole(int(value))
    double = float(value)
    return repr(double) if value in (Decimal(double), Decimal(repr(double))) else _digits(value)


def _whole(number: int) -> str:
    text = str(number)
    return (
        str(UUID(text)) if _UUID.fullmatch(text) else text
    )  # CSV cannot tell 32 digits from those of a UUID


def _digits(value: Decimal) -> str:
    """Returns the digits of a decimal without the zeros at their end, and the exponent."""
    sign, digits, exponent = value.as_tuple()
    shown = "".join(map(str, digits)).rstrip("0")
    return f"{'-' if sign else ''}{shown}E{int(exponent) + len(digits) - len(shown)}"


def canonical_text(text: str) -> str:
    """Returns the key of a text: that of the value that MongoDB's tools write as this text, else the text itself.

    Numbers in every notation that these tools and pandas use, 32 upper-case hex digits (a UUID in CSV), ``ObjectId(…)``,
    ISO-8601 dates with a zone, and arrays and documents in Extended JSON. ``007``, ``+5`` and lower-case hex digits are texts.
    """
    if not _SEVERAL_FORMS.match(text):
        return text
    if text[0] in "[{":
        value = _parsed(text)
        return text if value is text else key_text(value)
    if _UUID.fullmatch(text):
        return str(UUID(text))
    if found := _OBJECTID.fullmatch(text):
        return found[1].lower()
    if text in _NOT_FINITE:
        return _NOT_FINITE[text]
    if _NUMBER.fullmatch(text):
        return _number(text)
    try:
        return str(extended_json.parse_date(text))
    except ValueError:
        return text


def _parsed(text: str) -> Any:
    """Returns the array or document that a text holds in Extended JSON, else the text itself."""
    try:
        return extended_json.decode_value(extended_json.parse_value(text.encode()))
    except (extended_json.ExtendedJsonError, UnicodeEncodeError, RecursionError):
        return text


def _number(text: str) -> str:
    """Returns the key of a number; ``e`` is how doubles are written, ``E`` how a Decimal128 is."""
    try:
        number: float | Decimal = float(text) if "e" in text else Decimal(text)
    except DecimalException:
        return text
    return text if number in (math.inf, -math.inf) else number_text(number)

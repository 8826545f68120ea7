"""Numbers and dates in text, as CSV holds them, and why a value does not fit a type."""

from __future__ import annotations

import math
import re
from decimal import Decimal, DecimalException

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
EXACT_IN_DOUBLE = 2.0**53
"""Integers below it are exact as doubles; above, only the original shows a loss."""

INT_TEXT = re.compile(r"[+-]?\d+", re.ASCII)
FLOAT_TEXT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
NOT_FINITE_TEXT = re.compile(r"[+-]?(NaN|nan|Inf|inf|Infinity)", re.ASCII)
_COMMA_TEXT = re.compile(r"[+-]?\d[\d.]*(,\d+)+(\.\d+)?", re.ASCII)
_NAIVE_DATE = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.,]\d+)?)?)?", re.ASCII)
_BOOL_WORDS = frozenset({"true", "false", "t", "f", "yes", "no", "y", "n", "on", "off"})
COMMA, BOOL_WORD, NO_ZONE = "number with a comma", "other word for true or false", "date without a zone"
"""How reasons of misfits begin that say which notation was seen."""
NOT_FINITE = "not a finite number"


class Misfit(Exception):  # noqa: N818 - a finding about a value, not a failure
    """The value does not fit the type of its field; the message gives the reason, never the value."""


def whole_text(value: str, wanted: str) -> int:
    """Returns the integer that a text of digits or of a whole double stands for, such as ``5.0`` or ``1e+06``."""
    if INT_TEXT.fullmatch(value):
        return int(value) if len(value) < 40 else INT64_MAX + 1
    if not FLOAT_TEXT.fullmatch(value):
        raise text_misfit(value, wanted)
    if "e" in value and abs(double := float(value)) >= EXACT_IN_DOUBLE:
        return whole(double)  # a double's shortest text has fewer digits than its integer
    return whole_decimal(decimal_of(value))


def decimal_of(text: str) -> Decimal:
    """Returns the exact number that a text stands for."""
    try:
        return Decimal(text)
    except DecimalException as error:
        raise Misfit("exponent beyond every number") from error


def whole(value: float) -> int:
    """Returns a double without a fraction as an integer."""
    if math.isnan(value) or math.isinf(value):
        raise Misfit(NOT_FINITE)
    if not value.is_integer():
        raise Misfit("fraction in an int field")
    return int(value)


def whole_decimal(value: Decimal) -> int:
    """Returns a decimal without a fraction as an integer."""
    if not value.is_finite():
        raise Misfit(NOT_FINITE)
    if value and value.adjusted() > 20:
        raise Misfit("beyond int64")
    if value != value.to_integral_value():
        raise Misfit("fraction in an int field")
    return int(value)


def text_misfit(value: str, wanted: str) -> Misfit:
    """Returns the misfit of a text; the ways of writing that are met most have a reason of their own."""
    if wanted in ("int", "float", "date") and NOT_FINITE_TEXT.fullmatch(value):
        return Misfit(NOT_FINITE)
    if wanted in ("int", "float") and _COMMA_TEXT.fullmatch(value):
        return Misfit(f"{COMMA} in a {wanted} field")
    if wanted == "bool" and value.casefold() in _BOOL_WORDS:
        return Misfit(f"{BOOL_WORD} in a bool field")
    if wanted == "date" and _NAIVE_DATE.fullmatch(value):
        return Misfit(f"{NO_ZONE} in a date field")
    return misfit("string", wanted)


def misfit(kind: str, wanted: str) -> Misfit:
    """Returns the misfit of a value of one kind in a field of one type."""
    return Misfit("no document on the way" if kind == "blocked" else f"{kind} in a {wanted} field")

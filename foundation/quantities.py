"""Shares and durations as a person writes them in a document: ``10%``, ``1/3``, ``7d``, ``1h 30m``."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_NUMBER = r"[0-9]+(?:\.[0-9]*)?|\.[0-9]+"
_STEP = re.compile(rf"({_NUMBER})\s*(ms|s|m|h|d|w)\s*")
_PERCENT = re.compile(rf"({_NUMBER})\s*%")
_FRACTION = re.compile(r"([0-9]{1,18})\s*/\s*([0-9]{1,18})")
_SHARE_EXPECTED = "expected a share such as 10%, 0.1 or 1/10"
_DURATION_EXPECTED = "expected a duration such as 250ms, 10s, 5m, 1h 30m or 7d; a number alone is seconds"


def share_of(value: Any) -> Any:
    """Returns a share as a number from 0 to 1; numbers stay as they are.

    Raises:
        ValueError: It is text and no share, or a number above 1.
    """
    if isinstance(value, str):
        text = value.strip()
        if match := _PERCENT.fullmatch(text):
            value = float(Fraction(match[1]) / 100)
        elif (match := _FRACTION.fullmatch(text)) and int(match[2]):
            value = float(Fraction(int(match[1]), int(match[2])))
        else:
            raise ValueError(_SHARE_EXPECTED)
        if value > 1:
            raise ValueError(f"{_SHARE_EXPECTED}, at most 100%")
    elif isinstance(value, (int, float)) and not isinstance(value, bool) and value > 1:
        raise ValueError(f"{_SHARE_EXPECTED}; if percent is meant, write {value:g}%")
    return value


def seconds_of(value: Any) -> Any:
    """Returns a duration in seconds; numbers stay as they are.

    Raises:
        ValueError: It is text and no duration.
    """
    if not isinstance(value, str):
        return value
    text, at, total = value.strip(), 0, 0.0
    while match := _STEP.match(text, at):
        total += float(match[1]) * _SECONDS[match[2]]
        at = match.end()
    if not text or at != len(text):
        raise ValueError(_DURATION_EXPECTED)
    return total


def duration_words(seconds: float) -> str:
    """Returns a duration as a document writes it, in its largest whole units: 5400 reads ``1h 30m``."""
    if not seconds:
        return "0s"
    rest, words = round(seconds * 1000), []
    for unit in ("d", "h", "m", "s", "ms"):
        count, rest = divmod(rest, round(_SECONDS[unit] * 1000))
        words += [f"{count}{unit}"] if count else []
    return " ".join(words) or f"{seconds:g}s"


_SHARE_SCHEMA = {
    "anyOf": [
        {"type": "number", "minimum": 0, "maximum": 1},
        {"type": "string", "pattern": r"^\s*(([0-9]+(\.[0-9]*)?|\.[0-9]+)\s*%|[0-9]+\s*/\s*[0-9]+)\s*$"},
    ]
}
_DURATION_SCHEMA = {
    "anyOf": [
        {"type": "number", "minimum": 0},
        {"type": "string", "pattern": r"^\s*(([0-9]+(\.[0-9]*)?|\.[0-9]+)\s*(ms|s|m|h|d|w)\s*)+$"},
    ]
}

Share = Annotated[
    float, Field(ge=0, le=1, allow_inf_nan=False), BeforeValidator(share_of), WithJsonSchema(_SHARE_SCHEMA)
]
"""A share from 0 to 1: ``10%``, ``0.1`` or ``1/10``."""

Duration = Annotated[
    float, Field(ge=0, allow_inf_nan=False), BeforeValidator(seconds_of), WithJsonSchema(_DURATION_SCHEMA)
]
"""A duration in seconds: ``250ms``, ``10s``, ``5m``, ``1h 30m``, ``7d``; a number alone is seconds."""

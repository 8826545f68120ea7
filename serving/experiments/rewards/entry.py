"""One reported reward as it comes in: what it may say, and what its value must be."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from foundation.errors import DataError, near_miss

if TYPE_CHECKING:
    from collections.abc import Mapping

    from serving.experiments.rewards.config import RewardConfig

LONGEST_ID: Final = 200
LONGEST_UNIT: Final = 1024
_KEYS: Final = ("experiment", "request_id", "unit", "metric", "value")
_WORDS: Final = {"true": 1.0, "false": 0.0}
_EITHER: Final = "request_id, or unit"


@dataclass(frozen=True, slots=True)
class Entry:
    """One reported reward.

    Attributes:
        value: Its value: a number, True or False.
        experiment: The experiment; empty means all that declare the metric.
        request_id: The id of a request of the unit; empty if the unit is given.
        unit: The unit as clients name it; empty if the request is given.
        metric: The metric; empty means the experiment's own.
    """

    value: Any
    experiment: str = ""
    request_id: str = ""
    unit: str = ""
    metric: str = ""


def read_entry(given: Any, subject: str = "reward", experiment: str = "") -> Entry:
    """Returns an entry as JSON gives it.

    Args:
        given: The JSON value.
        subject: What messages call it.
        experiment: The experiment, if the call names it.

    Raises:
        DataError: It is no entry.
    """
    if not isinstance(given, dict):
        raise DataError(subject, expected="an object", seen=_kind(given), remedy='{"unit": …, "value": 1}')
    stray = [key for key in given if key not in _KEYS]
    if stray:
        known = ", ".join(_KEYS)
        raise DataError(
            f"{subject}: {stray[0]!r:.60}",
            expected=f"one of {known}",
            seen="another key",
            remedy=near_miss(str(stray[0]), list(_KEYS)),
        )
    if "value" not in given:
        raise DataError(subject, expected="value", seen="none", remedy="add value, such as 1")
    named = _text(given, "experiment", subject, LONGEST_ID)
    if experiment and named not in ("", experiment):
        raise DataError(
            f"{subject}: experiment", expected=f"{experiment!r}, as in the address", seen=repr(named)
        )
    request, unit = (
        _text(given, "request_id", subject, LONGEST_ID),
        _text(given, "unit", subject, LONGEST_UNIT),
    )
    if bool(request) == bool(unit):
        seen = "both" if request else "neither"
        raise DataError(subject, expected=_EITHER, seen=seen, remedy=f"give one of {_EITHER}")
    metric = _text(given, "metric", subject, LONGEST_ID)
    return Entry(given["value"], experiment or named, request, unit, metric)


def _text(given: Mapping[str, Any], key: str, subject: str, longest: int) -> str:
    value = given.get(key)
    if value is None:
        return ""
    if key == "unit":
        value = unit_text(value) or value
    if not isinstance(value, str):
        raise DataError(f"{subject}: {key}", expected="text", seen=_kind(value))
    if not value:
        raise DataError(f"{subject}: {key}", expected="text", seen="an empty one")
    if len(value) > longest:
        raise DataError(f"{subject}: {key}", expected=f"at most {longest} characters", seen=f"{len(value)}")
    return value


def unit_text(value: Any) -> str:
    """Returns a unit as the data plane reads it from a request, where 7 and 7.0 are one; empty if it is none."""
    if isinstance(value, (bool, list, dict)) or value is None:
        return ""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, float):
        return "" if not math.isfinite(value) else str(int(value)) if value.is_integer() else str(value)
    return str(value)


def _kind(value: Any) -> str:
    names = {
        bool: "true or false",
        int: "a number",
        float: "a number",
        str: "text",
        list: "a list",
        dict: "an object",
    }
    return "null" if value is None else names.get(type(value), "something else")


def fitting(value: Any, config: RewardConfig, subject: str = "reward") -> float:
    """Returns a value as the number that counts.

    Args:
        value: A number, True or False; text as a file has it is read.
        config: What the experiment declares.
        subject: What messages call it.

    Raises:
        DataError: It is of another type than declared.
    """
    number = _number(value, binary=config.type == "binary")
    if config.type == "binary" and number not in (0.0, 1.0):
        raise DataError(
            f"{subject}: {config.metric}",
            expected="0, 1, true or false, as its type is binary",
            seen=_shown(value),
            remedy="send that, or declare type: number",
        )
    if number is None or not math.isfinite(number):
        raise DataError(f"{subject}: {config.metric}", expected="a finite number", seen=_shown(value))
    return number


def _number(value: Any, *, binary: bool) -> float | None:
    if isinstance(value, bool):
        return float(value) if binary else None
    if isinstance(value, str):
        text = value.strip()
        if binary and text.lower() in _WORDS:
            return _WORDS[text.lower()]
        value = "" if "_" in text else text  # Python's own digit separators are no number's
    elif not isinstance(value, (int, float)):
        return None
    try:
        return float(value) + 0.0  # no negative zero
    except (ValueError, OverflowError):
        return None


def _shown(value: Any) -> str:
    """Returns what was seen, without the text that a value may hold."""
    return repr(value) if isinstance(value, (bool, int, float)) and abs(value) < 1e300 else _kind(value)

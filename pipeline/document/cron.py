"""The five fields of a schedule, checked strictly; what a valid one means is the scheduler's to say."""

from __future__ import annotations

import re

PRESETS = ("@hourly", "@daily", "@weekly", "@monthly", "@quarterly", "@yearly")
"""Names of common schedules."""

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 7, _DAYS),
)
_ITEM = re.compile(r"(?:\*|(\w+)(?:-(\w+))?)(?:/(\d+))?\Z")


def checked_schedule(text: str) -> str:
    """Returns a schedule as it is written.

    Raises:
        ValueError: It is neither five fields of cron nor one of ``PRESETS``.
    """
    if text in PRESETS:
        return text
    if text.startswith("@"):
        raise ValueError(f"expected five fields of cron or one of {', '.join(PRESETS)}")
    fields = text.split()
    if len(fields) != len(_FIELDS):
        names = ", ".join(name for name, *_ in _FIELDS)
        raise ValueError(f"expected the five fields of cron ({names}), such as '0 3 * * *'")
    for field, (name, least, most, words) in zip(fields, _FIELDS, strict=True):
        for item in field.split(","):
            _check(item, name, least, most, words)
    return text


def _check(item: str, name: str, least: int, most: int, words: tuple[str, ...]) -> None:
    """Checks one item of a field: ``*``, ``7``, ``mon-fri``, ``*/15``."""
    expected = f"expected {least} to {most}" + (f" or {words[0]} to {words[-1]}" if words else "")
    match = _ITEM.match(item)
    if match is None:
        raise ValueError(f"{item!r} is no {name} of a schedule; {expected}, *, ranges and steps")
    ends = [_number(text, least, words) for text in match.groups()[:2] if text is not None]
    if any(end is None or not least <= end <= most for end in ends):
        raise ValueError(f"{item!r} is no {name} of a schedule; {expected}")
    if len(ends) == 2 and (ends[0] or 0) > (ends[1] or 0):
        raise ValueError(f"{item!r}: this range of the {name} runs backwards")
    if match[3] is not None and not 1 <= int(match[3]) <= most:
        raise ValueError(f"{item!r}: expected a step of 1 to {most} for the {name}")


def _number(text: str, least: int, words: tuple[str, ...]) -> int | None:
    if text.isdecimal():
        return int(text)
    return words.index(text.lower()) + least if text.lower() in words else None

"""Masks example values: letters become a and A, digits 9; only the shape remains."""

from __future__ import annotations

import re

_LONGEST = 40
_RULES = (
    (re.compile(r"[^\W\d_]"), lambda m: "A" if m.group().isupper() else "a"),
    (re.compile(r"\d"), lambda m: "9"),
    (
        re.compile(r"[^\x00-\x7f…]"),
        lambda m: "a",
    ),  # accents and vowels that are characters of their own, emoji
)
_HIDDEN = frozenset(
    {"binary", "uuid", "objectid", "timestamp", "regex", "code", "minkey", "maxkey", "document"}
)


def masked(kind: str, value: object) -> str:
    """Returns the shape of a value.

    >>> masked("string", "Ada.7@example.org")
    'Aaa.9@aaaaaaa.aaa'
    """
    if kind in _HIDDEN:
        return f"<{kind}>"
    if kind == "bool":
        return "<bool>"
    text = str(value)
    for pattern, become in _RULES:
        text = pattern.sub(become, text[: _LONGEST + 1])
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"

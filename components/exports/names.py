"""Tells the names of fields from data that is used as a key, such as ``{"by": {"ada@example.org": 3}}``.

Names of fields may be shown in messages and kept in reports; keys that are data may not.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from foundation.coarse import FEWEST
from foundation.personal.looks import look_of

COMMON = 0.5
"""A name occurs in at least this share of the documents that hold its parent."""
_DEPTH = 16
_ITEMS = 20
_NAME = re.compile(r"[^\W\d][\w-]{0,63}")
_DATA = re.compile(r"[0-9a-fA-F]{16,}|[0-9a-fA-F-]{36}|\d+|.*@.*|.{80,}", re.DOTALL)
_DIGITS = re.compile(r"\d{5}")


def looks_like_data(key: str) -> bool:
    """Returns whether a key looks like an id, a number, an address or another value."""
    return bool(_DATA.fullmatch(key)) or look_of(key) is not None


def looks_like_a_name(key: str) -> bool:
    """Returns whether a key looks like an identifier that a programmer chose."""
    return bool(_NAME.fullmatch(key)) and not looks_like_data(key) and not _DIGITS.search(key)


class Names:
    """Collects the keys of some documents; knows afterwards which of them are names of fields."""

    def __init__(self) -> None:
        self._holders: Counter[str] = Counter()
        """Path → how many documents there are at it."""
        self._there: Counter[tuple[str, str]] = Counter()
        """Path and key → how many documents have the key."""
        self.keys = 0
        """How many keys were counted."""

    def take(self, document: dict[str, Any]) -> None:
        """Counts the keys of a document, wherever its leaves are plain values or Extended JSON."""
        self._walk(document, "", 0)

    def _walk(self, value: Any, path: str, depth: int) -> None:
        if depth >= _DEPTH:
            return
        if isinstance(value, list):
            for item in value[:_ITEMS]:
                self._walk(item, path, depth + 1)
        elif isinstance(value, dict) and not any(str(k).startswith("$") for k in value):
            self._holders[path] += 1
            self.keys += len(value)
            for key, item in value.items():
                self._there[path, str(key)] += 1
                self._walk(item, f"{path}.{key}" if path else str(key), depth + 1)

    def paths(self) -> set[str]:
        """Returns the dotted paths that consist of names only.

        A name looks like an identifier, and most documents that can have it do. Where one key of a document looks
        like data, its other keys are taken for data, too.
        """
        maps = {path for path, key in self._there if looks_like_data(key)}
        found: set[str] = set()
        for path, key in sorted(self._there, key=lambda each: each[0].count(".")):
            known = not path or path in found
            count = self._there[path, key]
            common = count >= FEWEST and count >= COMMON * self._holders[path]
            if known and common and path not in maps and looks_like_a_name(key):
                found.add(f"{path}.{key}" if path else key)
        return found

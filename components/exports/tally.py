"""Counts what happens to documents and values; a tally holds counts and kinds, never values."""

from __future__ import annotations

from collections import Counter

Tally = Counter[tuple[str, ...]]
"""Key path → count; the tallies of workers are summed."""

READ = ("documents", "read")
ACCEPTED = ("documents", "accepted")
KEY_FALLBACK = ("documents", "split key missing, _id used")
KEY_BLOCKED = ("documents", "split key behind no document, _id used")
MADE_ID = ("documents", "without _id, id made from content")
SUPERSEDED = ("documents", "superseded")
SLOW = ("documents", "converted one by one")
LIKE_SECONDS = "like epoch seconds"
NO_LABEL = "no label"
NO_TIME = "no date to split by"


def quarantined(reason: str) -> tuple[str, ...]:
    """Returns the key of bad documents with one reason."""
    return "quarantined", reason


def filtered(reason: str) -> tuple[str, ...]:
    """Returns the key of good documents left out for one reason."""
    return "filtered", reason


def rows(split: str) -> tuple[str, ...]:
    """Returns the key of rows written to a split."""
    return "splits", split


def looked_at(feature: str) -> tuple[str, ...]:
    """Returns the key of values of one feature that were checked for personal data."""
    return "looked at", feature


def suspected(feature: str, kind: str) -> tuple[str, ...]:
    """Returns the key of values of one feature that look like personal data of one kind."""
    return "suspected", feature, kind


def field(feature: str, what: str) -> tuple[str, ...]:
    """Returns the key of something counted for one feature: missing, null, empty, null items, …."""
    return "fields", feature, what


def misfit(feature: str, reason: str) -> tuple[str, ...]:
    """Returns the key of values of one feature that do not fit its type and became missing."""
    return "misfits", feature, reason


def kind(feature: str, name: str) -> tuple[str, ...]:
    """Returns the key of values of one kind in one feature."""
    return "kinds", feature, name


def section(tally: Tally, *head: str) -> dict[str, int]:
    """Returns the counts under a prefix by the last part of their keys."""
    size = len(head)
    return {
        key[-1]: count
        for key, count in sorted(tally.items())
        if key[:size] == head and len(key) == size + 1 and count
    }


def kinds_of(tally: Tally) -> dict[str, set[str]]:
    """Returns feature → kinds of values seen."""
    found: dict[str, set[str]] = {}
    for key, times in tally.items():
        if key[0] == "kinds" and times:
            found.setdefault(key[1], set()).add(key[2])
    return found

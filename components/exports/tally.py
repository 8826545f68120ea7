"""Counts what happens to documents and values; a tally holds counts and kinds, never values."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping

Tally = Counter[tuple[str, ...]]
"""Key path → count; the tallies of workers are summed."""

READ = ("documents", "read")
ACCEPTED = ("documents", "accepted")
KEY_FALLBACK = ("documents", "split key missing, _id used")
KEY_BLOCKED = ("documents", "split key behind no document, _id used")
MADE_ID = ("documents", "without _id, id made from content")
WITHOUT_ID = ("documents", "without _id, predicted without a key")
SUPERSEDED = ("documents", "superseded")
SLOW = ("documents", "converted one by one")
LIKE_SECONDS = "like epoch seconds"
BYTES_READ = ("bytes", "read")
BYTES_OF_DOCUMENTS = ("bytes", "documents")
BYTES_QUARANTINED = ("bytes", "quarantined")
BYTES_BETWEEN = ("bytes", "between")
NO_LABEL = "no label"
NO_TIME = "no date to split by"
_LONG = 8
"""A bad piece longer than so many usual documents is taken for several documents."""


def quarantined(reason: str) -> tuple[str, ...]:
    """Returns the key of bad documents with one reason."""
    return "quarantined", reason


def add_bad(tally: Tally, raw: bytes | None, reason: str) -> None:
    """Counts a bad document.

    Args:
        tally: Counts are added here.
        raw: Its bytes; None where a document has none of its own, as in Parquet.
        reason: Why it is bad.
    """
    tally[quarantined(reason)] += 1
    if raw is not None:
        tally[BYTES_QUARANTINED] += len(raw)
        tally["bad sizes", "documents", str(len(raw).bit_length())] += 1
        tally["bad sizes", "bytes", str(len(raw).bit_length())] += len(raw)


def weight_of_bad(tally: Tally) -> float:
    """Returns how many documents the quarantined pieces amount to.

    Damage can join many documents to one piece. A piece that is several times as long as usual documents counts as so
    many of them, any other as one.
    """
    bad = sum(section(tally, "quarantined").values())
    usual = tally[BYTES_OF_DOCUMENTS] / max(1, tally[READ] - bad)
    weight = float(bad)
    for size, number in section(tally, "bad sizes", "documents").items():
        length = tally["bad sizes", "bytes", size]
        if usual and length > _LONG * usual * number:
            weight += length / usual - number
    return weight


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
    found = [(key, count) for key, count in tally.items() if key[:size] == head and len(key) == size + 1]
    return {key[-1]: count for key, count in sorted(found) if count}


def sections(tally: Tally) -> Mapping[tuple[str, ...], dict[str, int]]:
    """Returns prefix → what ``section`` says of it, empty for others; for whoever looks at all columns."""
    found: defaultdict[tuple[str, ...], dict[str, int]] = defaultdict(dict)
    for key, count in sorted(tally.items()):
        if count:
            found[key[:-1]][key[-1]] = count
    return found


def kinds_of(tally: Tally) -> dict[str, set[str]]:
    """Returns feature → kinds of values seen."""
    found: dict[str, set[str]] = {}
    for key, times in tally.items():
        if key[0] == "kinds" and times:
            found.setdefault(key[1], set()).add(key[2])
    return found

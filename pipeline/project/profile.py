"""Looking at a sample of an export: names, types and counts; no value of a document is kept."""

from __future__ import annotations

import glob
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from components.mongo_example_gen.coerce import kind_of, kind_of_text
from components.mongo_example_gen.config import FieldType
from components.mongo_example_gen.formats import recognise
from components.mongo_example_gen.plan import widest
from components.mongo_example_gen.readers import sample_documents
from components.mongo_example_gen.source import resolve
from foundation.errors import DataError

MANY = 2_000
"""Distinct values are counted up to this number."""
MOST_KEYS = 100
"""A sub-document with more keys than this over the sample is a map whose keys are data."""
_DEPTH = 8
_MOST_BITS = 900
_LOOKS_LIKE_DATA = re.compile(r"[0-9a-fA-F]{16,}|[0-9a-fA-F-]{36}|\d+|.*@.*|.{80,}", re.DOTALL)
_NO_VALUE = frozenset({"null", "document", "array", "blocked"})


@dataclass(frozen=True)
class FieldProfile:
    """What a sample shows of one dotted path."""

    path: str
    """Dotted path in the documents."""
    type: FieldType | None
    """The type that holds all values seen; None where there is no value."""
    kinds: frozenset[str]
    """Kinds of values seen, such as int, string, objectid."""
    is_array: bool
    """Whether any document holds an array there."""
    present: float
    """Share of the documents with a value."""
    values: int
    """How many values were seen; items of arrays each count."""
    distinct: int
    """How many different ones; ``MANY`` stands for that many or more."""
    words: float
    """Words in a text on average; 0 where it is no text."""
    zero_or_one: bool
    """Whether all numbers are 0 or 1."""
    long_tail: bool
    """Whether numbers are never negative and the largest is far from the mean."""
    deviation: float
    """Standard deviation of the numbers; 0 where there are none."""

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rsplit(".", 1)[-1]


@dataclass(frozen=True)
class ExportProfile:
    """What a sample of an export shows."""

    export: Path
    """The file or folder that was looked at, absolute."""
    documents: int
    """How many documents were read."""
    fields: tuple[FieldProfile, ...]
    """In the order in which they first came."""
    pattern: str
    """The absolute pattern that was read."""
    sample: int
    """How many documents were asked for."""
    left_out: tuple[str, ...]
    """Paths that cannot be named in a document, or whose keys are data (then only the path above them)."""

    def field(self, path: str) -> FieldProfile | None:
        """Returns the field at a path, or None."""
        return next((known for known in self.fields if known.path == path), None)


def look_at(export: Path, sample: int = 2_000) -> ExportProfile:
    """Reads a sample of an export.

    Args:
        export: A file or folder of an export, in any format that is read.
        sample: How many documents at most; taken from several places.

    Returns:
        Names, types and counts.

    Raises:
        DataError: The export is not there, is empty, or cannot be read.
        StorageError: A file cannot be read.
    """
    export = export.absolute()
    pattern = as_pattern(export)
    first = resolve(pattern, export.parent).absolute_paths(export.parent)[0]
    found = recognise(first)
    looker = _Looker(all_text=found is not None and found.kind == "csv")
    for document in sample_documents(pattern, export.parent, sample):
        looker.take(document)
    if looker.documents == 0:
        raise DataError(
            f"export {export}",
            expected="documents that can be read",
            seen="none",
            remedy="export the collection again and check that its query matches documents",
        )
    fields = tuple(seen.profile(path, looker.documents) for path, seen in looker.seen.items())
    return ExportProfile(export, looker.documents, fields, pattern, sample, tuple(looker.left_out))


def as_pattern(export: Path) -> str:
    """Returns a path as a pattern that means it and nothing else; a folder of numbered folders holds spans."""
    escaped = glob.escape(str(export))
    below = [entry for entry in export.iterdir() if not entry.name.startswith(".")] if export.is_dir() else []
    holds_spans = bool(below) and all(entry.is_dir() and entry.name.isdecimal() for entry in below)
    return f"{escaped}/{{SPAN}}" if holds_spans else escaped


@dataclass
class _Seen:
    """What is counted of one path while documents go by."""

    kinds: Counter[str] = field(default_factory=Counter)
    written: set[str] = field(default_factory=set)
    """Kinds that texts look like: "31" is an int that was written as text."""
    holding: int = 0
    is_array: bool = False
    values: int = 0
    hashes: set[int] = field(default_factory=set)
    words: int = 0
    numbers: int = 0
    total: float = 0.0
    squares: float = 0.0
    low: float = 0.0
    high: float = 0.0
    zero_or_one: bool = True

    def take(self, value: Any, from_text: bool) -> None:
        kind = kind_of_text(value) if from_text else kind_of(value)
        self.kinds[kind] += 1
        if kind in _NO_VALUE:
            return
        self.values += 1
        if len(self.hashes) < MANY:
            self.hashes.add(hash(value if isinstance(value, (str, int, float, bytes)) else str(value)))
        if kind == "string":
            self.words += len(str(value).split())
            self.written.add(kind_of_text(value))
        elif kind == "bool":
            self.number(float(value in (True, "true")))
        elif kind in ("int", "float") and not _is_huge(value):
            self.number(float(value))

    def settled_kinds(self) -> frozenset[str]:
        """Returns the kinds of values; numbers of which some are written as text are numbers."""
        kinds = {kind for kind in self.kinds if kind not in _NO_VALUE}
        as_numbers = (kinds - {"string"}) | self.written
        is_number = len(kinds) > 1 and "string" in kinds and as_numbers <= {"int", "float", "decimal"}
        return frozenset(as_numbers if is_number else kinds)

    def number(self, value: float) -> None:
        self.low, self.high = (
            (value, value) if not self.numbers else (min(self.low, value), max(self.high, value))
        )
        self.numbers += 1
        self.total += value
        self.squares += value * value
        self.zero_or_one = self.zero_or_one and value in (0.0, 1.0)

    def profile(self, path: str, documents: int) -> FieldProfile:
        mean = self.total / self.numbers if self.numbers else 0.0
        variance = self.squares / self.numbers - mean * mean if self.numbers else 0.0
        kinds = self.settled_kinds()
        return FieldProfile(
            path=path,
            type=widest(set(kinds)),
            kinds=kinds,
            is_array=self.is_array,
            present=self.holding / documents,
            values=self.values,
            distinct=len(self.hashes),
            words=self.words / self.kinds["string"] if self.kinds["string"] else 0.0,
            zero_or_one=bool(self.numbers) and self.zero_or_one,
            long_tail=self.low >= 0 and self.high > 8 * mean > 0,
            deviation=max(0.0, variance) ** 0.5,
        )


class _Looker:
    """Walks documents and counts; values are hashed and forgotten."""

    def __init__(self, all_text: bool) -> None:
        self.all_text = all_text
        self.documents = 0
        self.seen: dict[str, _Seen] = {}
        self.left_out: dict[str, None] = {}
        self.keys: dict[str, set[str]] = {}

    def take(self, document: dict[str, Any]) -> None:
        self.documents += 1
        held: set[str] = set()
        for path, value, in_array in self.leaves(document, "", False, 0):
            seen = self.seen.setdefault(path, _Seen())
            seen.is_array = seen.is_array or in_array
            before = seen.values
            seen.take(value, from_text=self.all_text)
            if seen.values > before and path not in held:
                held.add(path)
                seen.holding += 1

    def leaves(self, value: Any, path: str, in_array: bool, depth: int) -> Iterator[tuple[str, Any, bool]]:
        if isinstance(value, dict) and depth < _DEPTH:
            if self.is_map(value, path):
                return
            for key, inner in value.items():
                below = f"{path}.{key}" if path else str(key)
                if _can_be_named(str(key)):
                    yield from self.leaves(inner, below, in_array, depth + 1)
                else:
                    self.left_out[path or "(a key of the documents)"] = None
        elif isinstance(value, list):
            for item in value:
                yield from self.leaves(item, path, True, depth)
        else:
            yield path, value, in_array

    def is_map(self, value: dict[str, Any], path: str) -> bool:
        """Whether a sub-document's keys are data: there are too many, or they look like ids."""
        if path in self.left_out:
            return True
        known = self.keys.setdefault(path, set())
        known.update(str(key) for key in value)
        if path and (len(known) > MOST_KEYS or any(_LOOKS_LIKE_DATA.fullmatch(str(key)) for key in value)):
            self.left_out[path] = None
            for inner in [inner for inner in self.seen if inner.startswith(f"{path}.")]:
                del self.seen[inner]
            return True
        return False


def _can_be_named(key: str) -> bool:
    return bool(key) and "." not in key and "${" not in key and not _LOOKS_LIKE_DATA.fullmatch(key)


def _is_huge(value: Any) -> bool:
    """Whether a number is an integer that no double holds."""
    return isinstance(value, int) and value.bit_length() > _MOST_BITS

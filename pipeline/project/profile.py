"""What ``penstock init`` needs to know about an export: names, types, counts, and in memory the values of a sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from components.exports.changes.events import DELETED, OPERATION
from components.exports.fields import FieldType, widest
from foundation.storage import is_remote
from pipeline.look.leaf import NO_VALUE
from pipeline.look.profile import Look, look, suspicions
from pipeline.look.tree import Node
from pipeline.project.values import MOSTLY, numbers_of, read_values, type_of

SAMPLE = 20_000
"""Documents read by default: as many as ``penstock look`` reads."""
MANY = 2_000
"""Distinct values are counted up to this number."""


@dataclass(frozen=True)
class FieldProfile:
    """The profile of one dotted path in a sample."""

    path: str
    """Dotted path in the documents."""
    type: FieldType | None
    """The type that suits nearly all values seen; None without values."""
    kinds: frozenset[str]
    """Kinds of values seen, such as int, string, objectid."""
    is_array: bool
    """Whether any document has an array there."""
    present: float
    """Share of the documents with a value."""
    values: int
    """Number of values seen; array items count separately."""
    distinct: int
    """Number of distinct values; ``MANY`` means that many or more."""
    words: float
    """Average number of words per text; 0 without texts."""
    nested: bool = False
    """Whether many values are documents, whose fields have paths of their own."""
    blocked: float = 0.0
    """Share of the values on the way that are no documents, so that nothing of them is read."""
    inner: float = 0.0
    """Share of the items of its arrays that are arrays themselves, which no feature can hold."""
    odd: float = 0.0
    """Share of the values that do not fit the type; they count as missing."""
    personal: tuple[str, ...] = ()
    """Kinds of personal values that its texts look like."""
    sample: Sequence[Any] = field(default=(), repr=False, compare=False)
    """The value of each document of a sample, None where there is none."""

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rsplit(".", 1)[-1]

    @cached_property
    def numbers(self) -> np.ndarray:
        """The values of the sample as numbers, NaN where there is none; float64 [documents]."""
        if self.is_array or self.type is None or self.type in ("string", "bytes"):
            return np.full(len(self.sample), np.nan)
        return numbers_of(self.sample, self.type)

    @property
    def known(self) -> np.ndarray:
        """The numbers that are there, float64 [values]."""
        numbers = self.numbers
        return numbers[np.isfinite(numbers)]

    @property
    def zero_or_one(self) -> bool:
        """Whether all values are numbers, each 0 or 1, or true or false."""
        known = self.known
        return bool(len(known)) and bool(np.isin(known, (0.0, 1.0)).all())

    @property
    def whole(self) -> bool:
        """Whether all values are numbers without a fraction that a double holds exactly."""
        known = self.known
        return bool(len(known)) and bool((np.abs(known) < 2.0**53).all() and (known == np.round(known)).all())

    @property
    def skewness(self) -> float:
        """Third standardised moment of the numbers; 0 for a constant."""
        known = self.known
        spread = float(known.std()) if len(known) else 0.0
        return float((((known - known.mean()) / spread) ** 3).mean()) if spread > 0 else 0.0


@dataclass(frozen=True)
class ExportProfile:
    """The profile of a sample of an export."""

    export: Path
    """The profiled file or folder, absolute; or a pattern or address as given."""
    documents: int
    """Number of documents read."""
    fields: tuple[FieldProfile, ...]
    """In order of first appearance."""
    pattern: str
    """The absolute pattern that was read."""
    total: int | None
    """Number of documents in the export, approximately if only a part was read; None if nobody knows."""
    left_out: tuple[str, ...]
    """Paths that a document cannot name, or whose keys are data (then only the parent path)."""
    changes: bool = False
    """Whether the documents say that they are changes, as Debezium flattens them."""

    def field(self, path: str) -> FieldProfile | None:
        """Returns the field at a path, or None."""
        return next((known for known in self.fields if known.path == path), None)


def look_at(export: Path | str, sample: int = SAMPLE) -> ExportProfile:
    """Reads a sample of an export.

    Args:
        export: A file or folder of an export in any supported format, or a pattern or address of one.
        sample: Maximum number of documents, taken from several places.

    Returns:
        Names, types and counts.

    Raises:
        DataError: The export is missing, empty or unreadable.
        StorageError: A file cannot be read.
    """
    given = str(export)
    place = Path(given) if is_remote(given) else Path(given).absolute()
    return from_look(look(given if is_remote(given) else str(place), sample), place, sample)


def from_look(seen: Look, export: Path, sample: int) -> ExportProfile:
    """Converts a profile by ``penstock look`` to the one a project is guessed from.

    Args:
        seen: The profile.
        export: The export as given.
        sample: Maximum number of documents to read again.
    """
    nodes = [node for node in seen.tree.root.walk() if node.leaf.kinds and node.path]
    marks = {DELETED, OPERATION}
    columns = read_values(seen.source.pattern, export.parent, sample, [node.path for node in nodes])
    blocked = {node.path: _scalars(node) for node in seen.tree.root.walk() if node.path}
    fields = tuple(
        replace(_field(node, seen.documents, columns), blocked=_on_the_way(node.path, blocked))
        for node in nodes
        if node.path not in marks
    )
    changes = any(node.path in marks for node in nodes)
    return ExportProfile(
        export, seen.documents, fields, seen.source.pattern, seen.about, seen.left_out, changes
    )


def _scalars(node: Node) -> float:
    """Returns the share of a path's values that are no documents."""
    total = node.documents + node.leaf.values
    return node.leaf.values / total if total else 0.0


def _on_the_way(path: str, scalars: Mapping[str, float]) -> float:
    parents = path.split(".")[:-1]
    return max((scalars[".".join(parents[: n + 1])] for n in range(len(parents))), default=0.0)


def _field(node: Node, documents: int, columns: Mapping[str, Sequence[Any]]) -> FieldProfile:
    leaf = node.leaf
    kinds = leaf.settled_kinds()
    found, odd = (None, 0.0) if node.in_array else type_of(columns[node.path])
    return FieldProfile(
        path=node.path,
        type=found or widest(set(kinds)),
        kinds=kinds - NO_VALUE,
        is_array=node.in_array,
        present=node.holding / documents,
        values=leaf.values,
        distinct=min(MANY, len(leaf.distinct)),
        words=leaf.words / leaf.kinds["string"] if leaf.kinds["string"] else 0.0,
        nested=node.documents > 0 and _scalars(node) < MOSTLY,
        inner=node.inner_arrays / node.items if node.items else 0.0,
        odd=odd,
        personal=suspicions(leaf),
        sample=columns[node.path],
    )

"""What ``penstock init`` needs to know about an export: names, types and counts; no document values are kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from components.exports.changes.events import DELETED, OPERATION
from components.exports.fields import FieldType, widest
from foundation.storage import is_remote
from pipeline.look.leaf import NO_VALUE
from pipeline.look.profile import Look, look, suspicions
from pipeline.look.tree import Node

MANY = 2_000
"""Distinct values are counted up to this number."""


@dataclass(frozen=True)
class FieldProfile:
    """The profile of one dotted path in a sample."""

    path: str
    """Dotted path in the documents."""
    type: FieldType | None
    """The type that fits all values seen; None without values."""
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
    zero_or_one: bool
    """Whether all numbers are 0 or 1."""
    long_tail: bool
    """Whether numbers are never negative and the largest is far above the mean."""
    deviation: float
    """Standard deviation of the numbers; 0 where there are none."""
    personal: tuple[str, ...] = ()
    """Kinds of personal values that its texts look like."""

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rsplit(".", 1)[-1]


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
    sample: int
    """Number of documents requested."""
    left_out: tuple[str, ...]
    """Paths that a document cannot name, or whose keys are data (then only the parent path)."""
    changes: bool = False
    """Whether the documents say that they are changes, as Debezium flattens them."""

    def field(self, path: str) -> FieldProfile | None:
        """Returns the field at a path, or None."""
        return next((known for known in self.fields if known.path == path), None)


def look_at(export: Path | str, sample: int = 2_000) -> ExportProfile:
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
    fields = tuple(_field(node, seen.documents) for node in nodes if node.path not in marks)
    changes = any(node.path in marks for node in nodes)
    return ExportProfile(export, seen.documents, fields, seen.source.pattern, sample, seen.left_out, changes)


def _field(node: Node, documents: int) -> FieldProfile:
    leaf = node.leaf
    kinds = leaf.settled_kinds()
    return FieldProfile(
        path=node.path,
        type=widest(set(kinds)),
        kinds=kinds - NO_VALUE,
        is_array=node.in_array,
        present=node.holding / documents,
        values=leaf.values,
        distinct=min(MANY, len(leaf.distinct)),
        words=leaf.words / leaf.kinds["string"] if leaf.kinds["string"] else 0.0,
        zero_or_one=bool(leaf.numbers) and leaf.zero_or_one,
        long_tail=leaf.low >= 0 and leaf.high > 8 * leaf.mean > 0,
        deviation=leaf.deviation,
        personal=suspicions(leaf),
    )

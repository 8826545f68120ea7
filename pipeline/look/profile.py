"""The profile of an export: paths, types and their mix, rates, sizes, times, suspicions; no document values."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from components.exports.fields import FieldType, widest
from foundation.coarse import FEWEST, YEAR, date_range
from foundation.errors import DataError
from foundation.personal.names import named
from pipeline.look.count import Counted, count
from pipeline.look.leaf import Leaf
from pipeline.look.reading import Source, open_export
from pipeline.look.tree import Node, Tree

SAMPLE = 20_000
_SUSPECTED = 0.02
"""A path is suspected if this share of its texts looks personal."""


@dataclass(frozen=True)
class PathProfile:
    """The profile of one dotted path."""

    path: str
    type: FieldType | None
    """The type that fits all values; None without values."""
    kinds: dict[str, float]
    """BSON kinds of the values with their shares, including ``null`` and ``document``; array items count separately."""
    is_array: bool
    present: float
    """Share of the documents with a value."""
    null: float
    """Share of the documents with null."""
    missing: float
    """Share of the documents without the path."""
    distinct: int
    """Number of distinct values; approximate if there are many."""
    distinct_is_exact: bool
    """Whether it was counted and not estimated."""
    values: int
    longest: int
    """Characters of the longest text."""
    time_range: tuple[str, str] | None
    """First and last day, month or year that several dates share; None without, or if the path may be personal."""
    personal: tuple[str, ...]
    """Kinds of personal values that it may hold."""
    shapes: tuple[str, ...] = ()
    """Masked examples, the most frequent first; only on request."""


@dataclass(frozen=True)
class Look:
    """The profile of an export."""

    export: str
    format: str
    files: int
    bytes: int
    documents: int
    """Number of documents read."""
    everything: bool
    """Whether all documents were read."""
    about: int | None
    """Approximate total; None if compressed files do not reveal it."""
    bad: int
    sizes: dict[str, int]
    """Bytes per document: smallest, median, mean, largest."""
    paths: tuple[PathProfile, ...]
    left_out: tuple[str, ...]
    """Paths whose keys are data or cannot be written as a path."""
    seconds: float
    tree: Tree = field(repr=False, compare=False)
    """The counts behind the profile; not part of the report."""
    source: Source = field(repr=False, compare=False)


def look(export: str, limit: int | None = SAMPLE, examples: bool = False, span: int | str = "latest") -> Look:
    """Profiles an export without TensorFlow.

    Args:
        export: A path, a pattern, or an address in a store.
        limit: Maximum number of documents, from several places; None: all.
        examples: Whether to keep masked examples.
        span: Which span, where the pattern has several.

    Raises:
        DataError: The export is missing, empty or unreadable.
        StorageError: A file or store cannot be read.
    """
    begin = time.monotonic()
    source = open_export(export, span)
    counted = count(source, limit)
    tree = counted.tree
    tree.settle()
    if not tree.documents:
        raise DataError(
            f"export {export}",
            expected="documents that can be read",
            seen="none",
            remedy="export the collection again and check that its query matches documents",
        )
    ordered = sorted(counted.sizes)
    mean = sum(ordered) // len(ordered)
    everything = limit is None or tree.documents < limit
    return Look(
        export=export,
        format=source.format,
        files=source.files,
        bytes=source.bytes,
        documents=tree.documents,
        everything=everything,
        about=tree.documents if everything else None if source.compressed else _about(source, counted),
        bad=counted.bad,
        sizes={
            "smallest": ordered[0],
            "median": ordered[len(ordered) // 2],
            "mean": mean,
            "largest": ordered[-1],
        },
        paths=tuple(_path(node, tree.documents, examples) for node in tree.root.walk() if _is_shown(node)),
        left_out=tuple(tree.left_out),
        seconds=time.monotonic() - begin,
        tree=tree,
        source=source,
    )


def _about(source: Source, counted: Counted) -> int:
    """Returns about how many documents an export has, from the bytes that those read take in its files."""
    return round(source.bytes * counted.tree.documents / max(1.0, counted.taken))


def _is_shown(node: Node) -> bool:
    """Returns whether a path has its own values or is an empty document or array, not just a parent of others."""
    return bool(node.path) and (bool(node.leaf.kinds) or not node.children or node.is_map)


def _path(node: Node, documents: int, examples: bool) -> PathProfile:
    leaf = node.leaf
    personal = suspicions(leaf)
    counted = {**leaf.kinds, "document": node.documents}
    total = sum(counted.values())
    return PathProfile(
        path=node.path,
        type=widest(set(leaf.settled_kinds())),
        kinds={
            kind: count / total for kind, count in sorted(counted.items(), key=lambda p: -p[1]) if count > 0
        },
        is_array=node.in_array,
        present=node.holding / documents,
        null=min(leaf.kinds["null"], node.there) / documents if not node.in_array else 0.0,
        missing=1 - node.there / documents,
        distinct=min(leaf.values, len(leaf.distinct)),
        distinct_is_exact=leaf.distinct.is_exact,
        values=leaf.values,
        longest=leaf.longest,
        time_range=None if personal else _dates(node),
        personal=personal,
        shapes=_shapes(leaf) if examples else (),
    )


def _shapes(leaf: Leaf) -> tuple[str, ...]:
    """Returns the most frequent shapes of values, without those of a few values only."""
    return tuple(shape for shape, count in leaf.shapes.most_common(3) if count >= FEWEST)


def suspicions(leaf: Leaf) -> tuple[str, ...]:
    """Returns the kinds of personal values that a path may hold, the likeliest first."""
    enough = max(1.0, _SUSPECTED * leaf.examined)
    return tuple(kind for kind, count in leaf.personal.most_common() if count >= enough)


def _dates(node: Node) -> tuple[str, str] | None:
    """Returns the range of a path's dates; a date of birth is told by its year at most."""
    return date_range(node.leaf.dates, YEAR if named(node.path) else node.leaf.finest)

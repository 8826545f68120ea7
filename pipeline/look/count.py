"""Fills the tree of paths from an export, in this process or in one per core."""

from __future__ import annotations

import multiprocessing
import os
from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field

from components.exports.formats.base import Part
from pipeline.look.reading import Parsed, Source, blocks, part_blocks
from pipeline.look.tree import Tree


@dataclass
class Counted:
    """The counts of some documents."""

    tree: Tree
    sizes: array[int] = field(default_factory=lambda: array("q"))
    """Bytes of each document."""
    bad: int = 0
    taken: float = 0.0
    """Bytes of the files that the documents, readable or not, take with what is between them."""

    def take(self, several: Iterable[Parsed]) -> Counted:
        """Counts blocks of documents."""
        for parsed in several:
            self.tree.take(parsed.documents, parsed.wrapped)
            self.sizes.extend(parsed.sizes)
            self.bad += parsed.bad
            self.taken += parsed.taken
        return self

    def merge(self, other: Counted) -> None:
        """Merges counts from elsewhere."""
        self.tree.merge(other.tree)
        self.sizes.extend(other.sizes)
        self.bad += other.bad
        self.taken += other.taken


def count(source: Source, limit: int | None) -> Counted:
    """Counts an export's documents, all of them or a sample.

    Args:
        source: The export.
        limit: Maximum number of documents; None: all, with all cores.

    Raises:
        DataError: A file is truncated or damaged.
    """
    whole = Counted(Tree(source.all_text))
    parts = [part for item in source.items for part in item.parts]
    processes = min(os.cpu_count() or 1, len(parts))
    if limit is not None or processes == 1 or source.remote:  # store clients do not survive a fork
        return whole.take(blocks(source, limit))
    # Forked, so that texts hash the same in all processes and distinct values are counted once.
    with multiprocessing.get_context("fork").Pool(processes) as pool:
        for counted in pool.imap(_count_part, [(part, source.all_text) for part in parts]):
            whole.merge(counted)
    return whole


def _count_part(work: tuple[Part, bool]) -> Counted:
    part, all_text = work
    return Counted(Tree(all_text)).take(part_blocks(part))

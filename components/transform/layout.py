"""``layout.json``: which column of which matrix in Transform's output is which feature.

Transform computes declared features together and returns at most three matrices; this file gives the columns their
names back. It loads no TensorFlow.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from components.transform.steps import Step
from components.transform.transformations.base import ColumnKind, CountedKind
from foundation.result import Part, Result

MATRICES: dict[ColumnKind, str] = {"number": "numbers", "id": "ids", "bag": "bags"}
"""What a column is → name of its matrix, unless the label has that name."""

VOCABULARIES = "vocabularies"
"""Name of the file with the words of all columns."""
SEPARATOR = b"\x1f"
"""Stands in that file between the number of the column and a word, which may hold it too."""
NO_WORDS = b"\x1fno words"
"""The only word of a column without words, so that none is empty; the only line of a label's file without values."""


@dataclass(frozen=True)
class Vocabulary:
    """Where a column's words stand.

    Attributes:
        line: Number of the first word's line in the vocabulary file, counted from 0.
        words: Number of words.
    """

    line: int
    words: int


@dataclass(frozen=True)
class Column(Part):
    """One feature: a column of a matrix, or ``size`` columns next to each other for a bag."""

    name: str
    """Name of the feature."""
    kind: ColumnKind
    """What it is: a number, an id from 0 to size - 1, or a bag."""
    size: int
    """Number of ids, or width of the bag; 1 for a number."""
    first_word: int = 0
    """Id or position of the first word, if it has a vocabulary."""
    line: int = 0
    """Line of its first word in the vocabulary file, counted from 0."""
    words: int = 0
    """Number of its words; 0 without a vocabulary."""


@dataclass(frozen=True)
class Layout(Result):
    """The columns of Transform's matrices."""

    FILE: ClassVar[str] = "layout.json"

    matrices: dict[ColumnKind, str]
    """What a column is → name of its matrix; one without columns is not there."""
    columns: tuple[Column, ...]
    """The columns sorted by name, which is their order in each matrix."""
    vocabulary: str = ""
    """Name of the file with the words of all columns; empty without words."""

    def of(self, kind: ColumnKind) -> tuple[Column, ...]:
        """Returns the columns of one matrix, in its order."""
        return tuple(column for column in self.columns if column.kind == kind)

    def words(self, lines: Sequence[bytes]) -> dict[str, tuple[str, ...]]:
        """Returns the words of each column that has a vocabulary, in the order of its ids.

        Args:
            lines: The lines of the vocabulary file.
        """
        return {
            column.name: tuple(
                line.partition(SEPARATOR)[2].decode("utf-8", "replace")
                for line in lines[column.line : column.line + column.words]
            )
            for column in self.columns
            if column.words
        }


def matrix_names(kinds: Iterable[ColumnKind], label: str) -> dict[ColumnKind, str]:
    """Returns the names of the matrices that are there, none of which is the label's."""
    present = set(kinds)
    return {
        kind: name if name != label else f"{name}_of_features"
        for kind, name in MATRICES.items()
        if kind in present
    }


def make_layout(steps: Iterable[Step], label: str, vocabularies: Mapping[str, Vocabulary]) -> Layout:
    """Returns the layout of a document's outputs.

    Args:
        steps: The declared transformations.
        label: Name of the label.
        vocabularies: Output name → where its words stand.
    """
    columns = []
    for step in steps:
        for name, part in step.outputs.items():
            if isinstance(step.kind, CountedKind):
                at, first = vocabularies[name], step.kind.first_word
            else:
                at, first = Vocabulary(0, 0), 0
            size = step.kind.size(part, step.settings, at.words)
            columns.append(Column(name, step.kind.gives, size, first, at.line, at.words))
    return Layout(
        matrices=matrix_names((column.kind for column in columns), label),
        columns=tuple(sorted(columns, key=lambda column: column.name)),
        vocabulary=VOCABULARIES if vocabularies else "",
    )


def read_layout(folder: str | Path) -> Layout | None:
    """Returns the layout in a ``transform_graph`` artifact.

    Args:
        folder: The artifact's folder, here or in an object store.

    Returns:
        None if its outputs are the features themselves: of a person's own function, or of Penstock before 0.6.

    Raises:
        DataError: The file is damaged, or written by a newer Penstock.
        StorageError: It cannot be read.
    """
    if "://" not in str(folder):
        return Layout.find(folder)
    import tensorflow as tf

    path = f"{folder}/{Layout.FILE}"
    if not tf.io.gfile.exists(path):
        return None
    with tempfile.TemporaryDirectory() as here:
        tf.io.gfile.copy(path, f"{here}/{Layout.FILE}")
        return Layout.read(here)

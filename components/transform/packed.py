"""The declared transformations computed together, as matrices with a column, or several, for each feature."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from itertools import accumulate

import tensorflow as tf

from components.transform.fields import Fields, Words
from components.transform.layout import matrix_names
from components.transform.steps import Step, counted_steps
from components.transform.transformations import AnalysedKind, CountedKind, DirectKind, Kind
from components.transform.transformations.base import Asked, ColumnKind
from components.transform.vocabularies import WordColumns, WordFiles, ids_of, write_vocabularies

Pieces = dict[ColumnKind, list[tuple[list[str], tf.Tensor]]]
"""What columns are → their names, and the matrix of them ``[batch, columns]``."""


def compute(
    fields: Fields, steps: Sequence[Step], label_name: str, label_words: tf.Tensor | None
) -> tuple[dict[str, tf.Tensor], WordFiles]:
    """Computes the declared transformations.

    Args:
        fields: The raw fields that they use.
        steps: The transformations.
        label_name: Name of the label, which no matrix may have.
        label_words: Values of a multi-class label, counted along.

    Returns:
        Name → matrix ``[batch, columns]`` with its columns sorted by name, and the vocabulary files.
    """
    pieces: Pieces = defaultdict(list)
    _add_direct(pieces, fields, steps)
    _add_analysed(pieces, fields, steps)
    files = _add_counted(pieces, fields, steps, label_words)
    names = matrix_names(pieces, label_name)
    return {names[kind]: _in_order(several) for kind, several in pieces.items()}, files


def _add_direct(pieces: Pieces, fields: Fields, steps: Sequence[Step]) -> None:
    for kind, members in _by_kind(steps).items():
        if isinstance(kind, DirectKind):
            columns = kind.compute(fields, [Asked(step.feature, step.settings) for step in members])
            pieces[kind.gives].append(([name for step in members for name in step.outputs], columns))


def _add_analysed(pieces: Pieces, fields: Fields, steps: Sequence[Step]) -> None:
    """Adds the numeric steps, with one analyzer for all that share ``analyse`` and settings."""
    sharing: dict[Hashable, dict[AnalysedKind, list[Step]]] = defaultdict(lambda: defaultdict(list))
    for step in steps:
        if isinstance(step.kind, AnalysedKind):
            sharing[type(step.kind).analyse, step.settings][step.kind].append(step)
    for by_kind in sharing.values():
        blocks = [kind.numbers(fields, [step.feature for step in mine]) for kind, mine in by_kind.items()]
        numbers = tf.concat(blocks, axis=1) if len(blocks) > 1 else blocks[0]
        members = [step for mine in by_kind.values() for step in mine]
        kind = next(iter(by_kind))
        columns = kind.analyse(numbers, members[0].settings)
        pieces[kind.gives].append(([step.output for step in members], columns))


def _add_counted(
    pieces: Pieces, fields: Fields, steps: Sequence[Step], label_words: tf.Tensor | None
) -> WordFiles:
    """Adds the steps with a vocabulary, all counted by one analyzer and looked up at once."""
    numbered = counted_steps(steps)
    groups = [(kind, mine) for kind, mine in _by_kind(numbered).items() if isinstance(kind, CountedKind)]
    if not groups:
        return write_vocabularies(None, label_words)
    number = {step.output: index for index, step in enumerate(numbered)}
    words = [
        _renumbered(
            kind.words(fields, [step.feature for step in mine]), [number[step.output] for step in mine]
        )
        for kind, mine in groups
    ]
    limits = tuple(step.kind.limits(step.settings) for step in numbered if isinstance(step.kind, CountedKind))
    columns = WordColumns(_concatenated(words), limits)
    files = write_vocabularies(columns, label_words)
    ids = tf.split(ids_of(columns, files.features), [tf.size(some.values) for some in words], num=len(words))
    bags = []
    for (kind, mine), some, found in zip(groups, words, ids, strict=True):
        if kind.gives == "bag":
            bags.append(Words(some.rows, some.fields, found - 1))
        else:
            matrix = tf.ensure_shape(tf.reshape(found, [-1, len(mine)]), [None, len(mine)])
            pieces[kind.gives].append(([step.output for step in mine], matrix))
    if bags:
        pieces["bag"].append(_bags(_concatenated(bags), numbered, fields.batch))
    return files


def _bags(places: Words, numbered: list[Step], batch: tf.Tensor) -> tuple[list[str], tf.Tensor]:
    """Returns the names of the bags, and the bags side by side: 1 for each word that is in the row.

    Args:
        places: Position of each word in its bag.
        numbered: The steps that the fields of ``places`` number.
        batch: Number of rows.
    """
    widths = [
        step.kind.size(step.name, step.settings, 0) if step.kind.gives == "bag" else 0 for step in numbered
    ]
    begins = tf.constant([0, *accumulate(widths)][:-1], tf.int64)
    at = tf.stack([places.rows, tf.gather(begins, places.fields) + places.values], axis=1)
    shape = tf.stack([batch, tf.constant(sum(widths), tf.int64)])
    counted = tf.scatter_nd(at, tf.ones_like(places.values, tf.float32), shape)
    names = [step.output for step in numbered if step.kind.gives == "bag"]
    return names, tf.ensure_shape(tf.minimum(counted, 1.0), [None, sum(widths)])


def _renumbered(words: Words, numbers: list[int]) -> Words:
    return Words(words.rows, tf.gather(tf.constant(numbers, tf.int64), words.fields), words.values)


def _concatenated(several: list[Words]) -> Words:
    if len(several) == 1:
        return several[0]
    parts = zip(*((some.rows, some.fields, some.values) for some in several), strict=True)
    return Words(*(tf.concat(part, axis=0) for part in parts))


def _in_order(pieces: list[tuple[list[str], tf.Tensor]]) -> tf.Tensor:
    """Returns the columns side by side, sorted by name; bags are one piece and sorted already."""
    names = [name for some, _ in pieces for name in some]
    blocks = [block for _, block in pieces]
    matrix = tf.concat(blocks, axis=1) if len(blocks) > 1 else blocks[0]
    order = sorted(range(len(names)), key=names.__getitem__)
    return matrix if order == list(range(len(names))) else tf.gather(matrix, order, axis=1)


def _by_kind(steps: Iterable[Step]) -> dict[Kind, list[Step]]:
    groups: dict[Kind, list[Step]] = defaultdict(list)
    for step in steps:
        groups[step.kind].append(step)
    return groups

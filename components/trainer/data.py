"""Training data: raw examples transformed once, kept as arrays, served in seeded batches."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from components.trainer.columns import MEMORY_LIMIT, ColumnBuilder
from components.trainer.config import Task
from components.trainer.matrices import BAGS
from components.trainer.transform_graph import TransformGraph
from foundation.errors import DataError

log = logging.getLogger(__name__)

ROWS_A_BATCH = 4096
"""Number of rows parsed and transformed at once."""

_LABEL = "label:"
"""Key of the label beside the matrices."""
View = Callable[[dict[str, tf.Tensor]], dict[str, tf.Tensor]]
"""Turns matrices into what a model takes: a declared model takes them as they are, a person's own takes features."""


@dataclass(frozen=True)
class TransformedSplit:
    """One split after Transform, without the rows that have no label.

    Args:
        features: Name of a matrix (``components.trainer.matrices``) → array ``[rows, width]``; bags as uint8.
        labels: float32 or int64 ``[rows]``.
        without_label: Number of rows left out.
    """

    features: dict[str, np.ndarray]
    labels: np.ndarray
    without_label: int

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.labels)


def load_split(
    name: str, patterns: Sequence[str], graph: TransformGraph, task: Task, memory_limit: int = MEMORY_LIMIT
) -> TransformedSplit:
    """Reads the raw examples of a split and transforms them.

    Args:
        name: Name of the split, for messages.
        patterns: File patterns of gzip TFRecords of tf.Examples.
        graph: The Transform graph.
        task: The task; it determines how a missing label is encoded.
        memory_limit: Bytes above which rows are kept on disk.

    Raises:
        DataError: No row has a label, or a class has no rows in the train split.
    """
    builder, rows, without = ColumnBuilder(memory_limit), 0, 0
    for batch in _transformed_batches(patterns, graph):
        labels = batch[_LABEL]
        there = labels >= 0 if task == "multiclass" else ~np.isnan(labels)
        rows, without = rows + len(labels), without + int((~there).sum())
        builder.add(batch if there.all() else {key: column[there] for key, column in batch.items()})
    if rows == without:
        expected = f"rows with a label {graph.label}" if rows else "at least one row"
        remedy = (
            "check data.split and the export"
            if not rows
            else "check data.label, model.task and model.positive"
        )
        raise DataError(f"split {name}", expected=expected, seen="none", remedy=remedy)
    if without:
        log.warning("split %s: %d of %d rows have no usable label", name, without, rows)
    columns = builder.build()
    labels = columns.pop(_LABEL)
    return TransformedSplit(columns, labels, without)


def _transformed_batches(patterns: Sequence[str], graph: TransformGraph) -> Iterator[dict[str, np.ndarray]]:
    files = sorted(file for pattern in patterns for file in tf.io.gfile.glob(pattern))
    if not files:
        return

    @tf.autograph.experimental.do_not_convert
    def transform(serialized: tf.Tensor) -> dict[str, tf.Tensor]:
        matrices, label = graph.of_examples(serialized)
        # A multi-hot vector holds only 0 and 1: as bytes it takes a quarter of the space.
        kept = {name: tf.cast(m, tf.uint8) if name == BAGS else m for name, m in matrices.items()}
        return kept | {_LABEL: label}

    records = tf.data.TFRecordDataset(files, compression_type="GZIP").batch(ROWS_A_BATCH)
    yield from (
        records.map(transform, num_parallel_calls=2, deterministic=True).prefetch(2).as_numpy_iterator()
    )


def check_labels(labels: np.ndarray, label: str) -> None:
    """Refuses a label that is the same in every row of the train split.

    Raises:
        DataError: The label is constant.
    """
    if len(labels) and np.all(labels == labels[0]):
        raise DataError(
            f"label {label}",
            expected="at least two different values in the train split",
            seen=f"{labels[0]:g} in all {len(labels)} rows",
            remedy="check data.label and model.positive, or export more documents",
        )


def class_weights(
    wanted: str | dict[str, float] | None, labels: np.ndarray, values: Sequence[str]
) -> np.ndarray | None:
    """Returns the weight of each class in the loss, or None.

    Args:
        wanted: ``balanced``, or label value → weight; other values weigh 1.
        labels: Class of each row of the train split.
        values: Label value of each class.

    Raises:
        DataError: A weight is for a value that no class has.
    """
    if wanted is None:
        return None
    if wanted == "balanced":
        counts = np.bincount(labels.astype(np.int64), minlength=len(values))
        return (len(labels) / (len(values) * np.maximum(counts, 1))).astype(np.float32)
    weights: np.ndarray = np.ones(len(values), np.float32)
    for value, weight in dict(wanted).items():  # type: ignore[arg-type]
        if value not in values:
            raise DataError("train.class_weights", expected=f"one of {', '.join(values)}", seen=value)
        weights[list(values).index(value)] = weight
    return weights


def training_batches(
    split: TransformedSplit, batch_size: int, seed: int, weights: np.ndarray | None, view: View = dict
) -> tf.data.Dataset:
    """Returns endless shuffled batches of (features, label) or (features, label, weight).

    Row numbers are permuted as a whole; rows are gathered one batch at a time.

    Args:
        split: The rows.
        batch_size: Rows of a batch.
        seed: Seed of their order.
        weights: Weight of each class, or None.
        view: What the model takes of the matrices.
    """
    return _gathered(split, row_numbers(split, batch_size, seed), weights, view).prefetch(8)


def row_numbers(split: TransformedSplit, batch_size: int, seed: int) -> tf.data.Dataset:
    """Returns endless shuffled batches of row numbers, int64 ``[batch]``."""
    order = tf.data.Dataset.range(split.rows).shuffle(split.rows, seed=seed, reshuffle_each_iteration=True)
    return order.repeat().batch(min(batch_size, split.rows), drop_remainder=True)


def validation_batches(split: TransformedSplit, batch_size: int, view: View = dict) -> tf.data.Dataset:
    """Returns all rows once, in order, in batches of (features, label)."""
    return _gathered(split, tf.data.Dataset.range(split.rows).batch(batch_size), None, view).prefetch(2)


def _gathered(
    split: TransformedSplit, row_numbers: tf.data.Dataset, class_weight: np.ndarray | None, view: View
) -> tf.data.Dataset:
    """Turns batches of row numbers into batches of rows."""
    pick = {name: _picker(column) for name, column in split.features.items()}
    pick_label = _picker(split.labels[:, np.newaxis])
    pick_weight = None if class_weight is None else _picker(class_weight[split.labels.astype(np.int64)])

    @tf.autograph.experimental.do_not_convert
    def gather(rows: tf.Tensor) -> tuple[object, ...]:
        features = view({name: one(rows) for name, one in pick.items()})
        return (
            (features, pick_label(rows))
            if pick_weight is None
            else (features, pick_label(rows), pick_weight(rows))
        )

    return row_numbers.map(gather, num_parallel_calls=2, deterministic=True)


def _picker(column: np.ndarray) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns a function that picks rows of a column by number, from memory or from disk."""
    final = tf.float32 if column.dtype == np.uint8 else tf.as_dtype(column.dtype)
    if not isinstance(column, np.memmap):
        tensor = tf.constant(column)
        return lambda rows: tf.cast(tf.gather(tensor, rows), final)

    def from_disk(rows: tf.Tensor) -> tf.Tensor:
        picked = tf.numpy_function(lambda numbers: column[numbers], [rows], tf.as_dtype(column.dtype))
        return tf.cast(tf.ensure_shape(picked, [None, *column.shape[1:]]), final)

    return from_disk

"""Training data: raw examples transformed once, kept as arrays, dealt out in seeded batches."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from components.trainer.config import Task
from components.trainer.transform_graph import TransformGraph
from foundation.errors import DataError

LOGGER = logging.getLogger(__name__)

ROWS_A_BATCH = 4096
"""Rows that are parsed and transformed at once."""


@dataclass(frozen=True)
class TransformedSplit:
    """One split after Transform, rows without a label left out.

    Args:
        features: Name → array ``[rows]`` or ``[rows, width]``.
        labels: float32 or int64 ``[rows]``.
        without_label: How many rows were left out.
    """

    features: dict[str, np.ndarray]
    labels: np.ndarray
    without_label: int

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.labels)


def load_split(name: str, patterns: Sequence[str], graph: TransformGraph, task: Task) -> TransformedSplit:
    """Reads the raw examples of a split and transforms them.

    Args:
        name: Name of the split, for messages.
        patterns: File patterns of gzip TFRecords of tf.Examples.
        graph: The Transform graph.
        task: The task; it says how a missing label shows.

    Raises:
        DataError: No row has a label, or a class has no rows in the train split.
    """
    batches = list(_transformed_batches(patterns, graph))
    if not batches:
        raise DataError(
            f"split {name}",
            expected="at least one row",
            seen="none",
            remedy="check data.split and the export",
        )
    columns = {key: np.concatenate([batch[key] for batch in batches]) for key in batches[0]}
    labels = columns.pop(graph.label)
    there = labels >= 0 if task == "multiclass" else ~np.isnan(labels)
    without = int(len(labels) - there.sum())
    if without == len(labels):
        remedy = "check data.label, model.task and model.positive"
        raise DataError(
            f"split {name}", expected=f"rows with a label {graph.label}", seen="none", remedy=remedy
        )
    if without:
        LOGGER.warning(
            "split %s: %d of %d rows have no label that training can use", name, without, len(labels)
        )
        columns, labels = {key: column[there] for key, column in columns.items()}, labels[there]
    return TransformedSplit(columns, labels, without)


def _transformed_batches(patterns: Sequence[str], graph: TransformGraph) -> Iterator[dict[str, np.ndarray]]:
    files = sorted(file for pattern in patterns for file in tf.io.gfile.glob(pattern))
    if not files:
        return
    wanted = {f.name for f in graph.features} | {graph.label}

    @tf.autograph.experimental.do_not_convert
    def transform(serialized: tf.Tensor) -> dict[str, tf.Tensor]:
        outputs = graph.apply(graph.parse(serialized, with_label=True))
        return {name: tensor for name, tensor in outputs.items() if name in wanted}

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
        wanted: ``balanced``, or label value → weight, others 1.
        labels: Class of each row of the train split.
        values: The label's value of each class.

    Raises:
        DataError: A weight names a value that no class has.
    """
    if wanted is None:
        return None
    if wanted == "balanced":
        counts = np.bincount(labels.astype(np.int64), minlength=len(values))
        return (len(labels) / (len(values) * np.maximum(counts, 1))).astype(np.float32)
    weights = np.ones(len(values), np.float32)
    for value, weight in dict(wanted).items():  # type: ignore[arg-type]
        if value not in values:
            raise DataError("train.class_weights", expected=f"one of {', '.join(values)}", seen=value)
        weights[list(values).index(value)] = weight
    return weights


def training_batches(
    split: TransformedSplit, batch_size: int, seed: int, weights: np.ndarray | None
) -> tf.data.Dataset:
    """Returns endless shuffled batches of (features, label) or (features, label, weight).

    Rows are shuffled as whole permutations by their number and gathered a batch at once.
    """
    tensors = _tensors(split, weights)
    size = min(batch_size, split.rows)
    order = (
        tf.data.Dataset.range(split.rows)
        .shuffle(split.rows, seed=seed, reshuffle_each_iteration=True)
        .repeat()
    )
    batches = order.batch(size, drop_remainder=True)

    @tf.autograph.experimental.do_not_convert
    def gather(rows: tf.Tensor) -> object:
        return tf.nest.map_structure(lambda column: tf.gather(column, rows), tensors)

    return batches.map(gather, num_parallel_calls=2, deterministic=True).prefetch(8)


def validation_batches(split: TransformedSplit, batch_size: int) -> tf.data.Dataset:
    """Returns all rows once, in order, in batches of (features, label)."""
    return tf.data.Dataset.from_tensors(_tensors(split, None)).unbatch().batch(batch_size).cache()


def _tensors(split: TransformedSplit, weights: np.ndarray | None) -> tuple[object, ...]:
    features = {name: tf.constant(column) for name, column in split.features.items()}
    labels = tf.constant(split.labels[:, np.newaxis])
    if weights is None:
        return features, labels
    return features, labels, tf.constant(weights[split.labels.astype(np.int64)])

"""The label of a binary task or a regression; with the ids of classes the one output that no ``preprocessing_fn`` decides."""

from __future__ import annotations

from typing import Literal

import tensorflow as tf

from components.transform.columns import Columns
from components.transform.positive import Positive, positive_values

Task = Literal["binary", "multiclass", "regression"]


def binary(columns: Columns, label: str, positive: Positive) -> tf.Tensor:
    """Returns float32 ``[batch]``: 1 if the label is the positive value, otherwise 0, NaN if missing.

    Raises:
        SpecError: The positive value and the label differ in type.
    """
    values, there = columns.first(label)
    wanted = positive_values(label, positive, values.dtype == tf.string)
    hits = tf.reduce_any(tf.stack([tf.equal(values, tf.constant(w, values.dtype)) for w in wanted]), axis=0)
    return tf.where(there, tf.cast(hits, tf.float32), float("nan"))


def regression(columns: Columns, label: str) -> tf.Tensor:
    """Returns float32 ``[batch]``, NaN if the label is missing."""
    return tf.cast(columns.number(label, "label of a regression"), tf.float32)

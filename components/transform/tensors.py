"""Helpers for transformations: ids with their range declared in Transform's schema, and stacked columns.

Each analyzer costs Transform time before it sees a row, so fields are stacked into one ``[batch, n]`` tensor and
analysed element by element, with the same results as one analyzer per field.
"""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf
from tensorflow_transform import schema_inference


def as_ids(ids: tf.Tensor, size: int | tf.Tensor) -> tf.Tensor:
    """Declares that an int64 ``[batch]`` holds ids from 0 to ``size`` - 1, so that a model knows the range.

    Args:
        ids: The ids; 0 always means missing.
        size: Number of ids; a tensor if known only after the data has been analysed.

    Returns:
        The same ids.
    """
    ids = tf.identity(ids)
    largest = tf.cast(size, tf.int64) - 1
    schema_inference.set_tensor_schema_override(ids, tf.constant(0, tf.int64), largest)
    return ids


def where_given(word: tf.Tensor, ids: tf.Tensor) -> tf.Tensor:
    """Returns the ids, 0 if there is no word."""
    return tf.where(tf.equal(word, ""), tf.constant(0, tf.int64), ids)


def without_nan(values: tf.Tensor) -> tf.Tensor:
    """Returns the values, 0 if missing."""
    return tf.where(tf.math.is_nan(values), tf.zeros_like(values), values)


def side_by_side(numbers: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """Returns n columns ``[batch]`` as ``[batch, n]``."""
    return tf.ensure_shape(tf.stack(list(numbers.values()), axis=1), [None, len(numbers)])


def columns_of(stacked: tf.Tensor, numbers: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Returns ``[batch, n]`` as n float32 ``[batch]``, by the names given to ``side_by_side``."""
    return {name: tf.cast(stacked[:, index], tf.float32) for index, name in enumerate(numbers)}

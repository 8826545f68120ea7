"""Helpers of transformations: ids with their number written into Transform's schema, and columns side by side.

Each analyzer costs Transform time before it sees a row, so fields are put side by side into one ``[batch, n]`` tensor
and analysed element by element: the numbers are those of one analyzer a field.
"""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf
from tensorflow_transform import schema_inference


def as_ids(ids: tf.Tensor, size: int | tf.Tensor) -> tf.Tensor:
    """Declares an int64 ``[batch]`` to hold the ids 0 to ``size`` - 1, so that a model knows how many there are.

    Args:
        ids: The ids; 0 always means missing.
        size: How many there are; a tensor where it is known only after the data was analysed.

    Returns:
        The same ids.
    """
    ids = tf.identity(ids)
    largest = tf.cast(size, tf.int64) - 1
    schema_inference.set_tensor_schema_override(ids, tf.constant(0, tf.int64), largest)
    return ids


def where_given(word: tf.Tensor, ids: tf.Tensor) -> tf.Tensor:
    """Returns the ids, 0 where there is no word."""
    return tf.where(tf.equal(word, ""), tf.constant(0, tf.int64), ids)


def without_nan(values: tf.Tensor) -> tf.Tensor:
    """Returns the values, 0 where they are missing."""
    return tf.where(tf.math.is_nan(values), tf.zeros_like(values), values)


def side_by_side(numbers: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """Returns ``[batch, n]`` from n times ``[batch]``."""
    return tf.ensure_shape(tf.stack(list(numbers.values()), axis=1), [None, len(numbers)])


def columns_of(stacked: tf.Tensor, numbers: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Returns ``[batch, n]`` as float32 ``[batch]`` under the n names of ``side_by_side``."""
    return {name: tf.cast(stacked[:, index], tf.float32) for index, name in enumerate(numbers)}

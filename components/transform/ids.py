"""Ids: int64 ``[batch]`` outputs whose 0 always means missing, with their number written into Transform's schema."""

from __future__ import annotations

import tensorflow as tf
from tensorflow_transform import schema_inference


def as_ids(ids: tf.Tensor, size: int | tf.Tensor) -> tf.Tensor:
    """Declares an int64 ``[batch]`` to hold the ids 0 to ``size`` - 1, so that a model knows how many there are.

    Args:
        ids: The ids.
        size: How many there are; a tensor where it is known only after the data was analysed.

    Returns:
        The same ids.
    """
    ids = tf.identity(ids)
    largest = tf.cast(size, tf.int64) - 1
    schema_inference.set_tensor_schema_override(ids, tf.constant(0, tf.int64), largest)
    return ids

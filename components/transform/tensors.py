"""Helpers for transformations of several features at once."""

from __future__ import annotations

import tensorflow as tf


def without_nan(values: tf.Tensor) -> tf.Tensor:
    """Returns the values, 0 if missing."""
    return tf.where(tf.math.is_nan(values), tf.zeros_like(values), values)


def hash_into(words: tf.Tensor, buckets: tf.Tensor) -> tf.Tensor:
    """Returns int64 from 0 to ``buckets`` - 1 by the hash of each word.

    The same as ``tf.strings.to_hash_bucket_fast``, whose number of buckets is an attribute: it would need an operation for
    each number that occurs.

    Args:
        words: Strings of any shape.
        buckets: int64 number of buckets, of the same shape or broadcast to it.
    """
    marks = tf.bitcast(tf.fingerprint(tf.reshape(words, [-1])), tf.uint64)
    return tf.cast(tf.reshape(marks, tf.shape(words)) % tf.cast(buckets, tf.uint64), tf.int64)

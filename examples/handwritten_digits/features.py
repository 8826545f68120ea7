"""What the model sees of a scan: its 64 pixels, each between 0 and 1."""

from __future__ import annotations

import tensorflow as tf


def preprocessing_fn(inputs: dict[str, tf.SparseTensor]) -> dict[str, tf.Tensor]:
    """Turns the array of pixels (integers from 0 to 16, sparse ``[batch, width]``) into a dense float ``[batch, 64]``."""
    pixels = inputs["pixels"]
    batch = tf.stack([pixels.dense_shape[0], tf.constant(64, tf.int64)])
    ink = tf.sparse.to_dense(tf.sparse.reset_shape(pixels, batch))
    return {"pixels": tf.ensure_shape(tf.cast(ink, tf.float32) / 16.0, [None, 64])}

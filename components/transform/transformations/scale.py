"""``scale_0_1``: numbers scaled from smallest and largest to 0 and 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from components.transform.transformations.base import NUMBERS, AnalysedKind

if TYPE_CHECKING:
    import tensorflow as tf

    from components.transform.fields import Fields


class Scale(AnalysedKind):
    """A number relative to the smallest and the largest."""

    description = "Scale so that the smallest value is 0 and the largest 1."
    types = NUMBERS

    def numbers(self, fields: Fields, features: Sequence[str]) -> tf.Tensor:
        """Returns the numbers."""
        return fields.numbers(features, "scale_0_1")

    def analyse(self, numbers: tf.Tensor, settings: Any) -> tf.Tensor:
        """Returns float32: the smallest value in training is 0 and the largest 1.

        Missing values and constant columns are 0; later values outside the range in training are below 0 or above 1.
        """
        import tensorflow as tf
        import tensorflow_transform as tft

        from components.transform.tensors import without_nan

        count = numbers.shape[1]
        both = tf.concat([-numbers, numbers], axis=1)
        lowest = tf.constant(float("-inf"), tf.float64)
        extremes = tft.max(tf.where(tf.math.is_nan(both), lowest, both), reduce_instance_dims=False)
        smallest, largest = -extremes[:count], extremes[count:]
        spread = largest - smallest
        usable = tf.logical_and(tf.math.is_finite(spread), spread > 0)
        scaled = tf.where(usable, (numbers - smallest) / tf.where(usable, spread, 1.0), 0.0)
        return tf.cast(without_nan(scaled), tf.float32)

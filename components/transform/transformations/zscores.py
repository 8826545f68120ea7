"""``zscore``, ``log_zscore`` and ``count``: z-scored numbers that share one analyzer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from components.transform.transformations.base import ANYTHING, NUMBERS, AnalysedKind

if TYPE_CHECKING:
    import tensorflow as tf

    from components.transform.fields import Fields


class Zscore(AnalysedKind):
    """The number itself."""

    description = "Subtract the mean and divide by the standard deviation."
    types = NUMBERS

    def numbers(self, fields: Fields, features: Sequence[str]) -> tf.Tensor:
        """Returns the numbers."""
        return fields.numbers(features, "zscore")

    def analyse(self, numbers: tf.Tensor, settings: Any) -> tf.Tensor:
        """Returns float32; a missing value is 0, the mean; a constant column is 0."""
        import tensorflow as tf
        import tensorflow_transform as tft

        from components.transform.tensors import without_nan

        scaled = tft.scale_to_z_score(numbers, elementwise=True, output_dtype=tf.float64)
        return tf.cast(without_nan(scaled), tf.float32)


class LogZscore(Zscore):
    """The number's logarithm."""

    description = "log(1 + x) of a non-negative number, then z-score."

    def numbers(self, fields: Fields, features: Sequence[str]) -> tf.Tensor:
        """Returns log(1 + x), with negative x taken as 0."""
        import tensorflow as tf

        numbers = fields.numbers(features, "log_zscore")
        return tf.where(tf.math.is_nan(numbers), numbers, tf.math.log1p(tf.maximum(numbers, 0.0)))


class Count(Zscore):
    """The length of an array."""

    description = "Number of items in an array, z-scored."
    types = ANYTHING
    of_array = True

    def numbers(self, fields: Fields, features: Sequence[str]) -> tf.Tensor:
        """Returns the number of items in each row, 0 for a missing array."""
        return fields.counts(features)

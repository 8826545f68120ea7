"""``zscore``, ``log_zscore`` and ``count``: z-scored numbers that share one analyzer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from components.transform.transformations.base import ANYTHING, NUMBERS, AnalysedKind

if TYPE_CHECKING:
    import tensorflow as tf

    from components.transform.columns import Columns


class Zscore(AnalysedKind):
    """The number itself."""

    description = "Subtract the mean and divide by the standard deviation."
    types = NUMBERS

    def number(self, columns: Columns, feature: str) -> tf.Tensor:
        """Returns the number."""
        return columns.number(feature, "zscore")

    def analyse(self, numbers: Mapping[str, tf.Tensor], settings: Any) -> dict[str, tf.Tensor]:
        """Returns float32 ``[batch]``; a missing value is 0, the mean; a constant column is 0."""
        import tensorflow as tf
        import tensorflow_transform as tft

        from components.transform.tensors import columns_of, side_by_side, without_nan

        scaled = tft.scale_to_z_score(side_by_side(numbers), elementwise=True, output_dtype=tf.float64)
        return columns_of(without_nan(scaled), numbers)


class LogZscore(Zscore):
    """The number's logarithm."""

    description = "log(1 + x) of a non-negative number, then z-score."

    def number(self, columns: Columns, feature: str) -> tf.Tensor:
        """Returns log(1 + x), with negative x taken as 0."""
        import tensorflow as tf

        number = columns.number(feature, "log_zscore")
        return tf.where(tf.math.is_nan(number), number, tf.math.log1p(tf.maximum(number, 0.0)))


class Count(Zscore):
    """The length of an array."""

    description = "Number of items in an array, z-scored."
    types = ANYTHING
    of_array = True

    def number(self, columns: Columns, feature: str) -> tf.Tensor:
        """Returns the number of items in each row, 0 for a missing array."""
        import tensorflow as tf

        items = columns.items(feature)
        ones = tf.ones_like(items.values, tf.float64)
        return tf.math.unsorted_segment_sum(ones, items.indices[:, 0], items.dense_shape[0])

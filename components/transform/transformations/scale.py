"""``scale_0_1``: numbers scaled from smallest and largest to 0 and 1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from components.transform.transformations.base import NUMBERS, AnalysedKind

if TYPE_CHECKING:
    import tensorflow as tf

    from components.transform.columns import Columns


class Scale(AnalysedKind):
    """A number relative to the smallest and the largest."""

    description = "Scale so that the smallest value is 0 and the largest 1."
    types = NUMBERS

    def number(self, columns: Columns, feature: str) -> tf.Tensor:
        """Returns the number."""
        return columns.number(feature, "scale_0_1")

    def analyse(self, numbers: Mapping[str, tf.Tensor], settings: Any) -> dict[str, tf.Tensor]:
        """Returns float32 ``[batch]``: the smallest value in training is 0 and the largest 1.

        Missing values and constant columns are 0; later values outside the range in training are below 0 or above 1.
        """
        import tensorflow as tf
        import tensorflow_transform as tft

        from components.transform.tensors import columns_of, side_by_side, without_nan

        stacked = side_by_side(numbers)
        both = tf.concat([-stacked, stacked], axis=1)
        lowest = tf.constant(float("-inf"), tf.float64)
        extremes = tft.max(tf.where(tf.math.is_nan(both), lowest, both), reduce_instance_dims=False)
        smallest, largest = -extremes[: len(numbers)], extremes[len(numbers) :]
        spread = largest - smallest
        usable = tf.logical_and(tf.math.is_finite(spread), spread > 0)
        scaled = tf.where(usable, (stacked - smallest) / tf.where(usable, spread, 1.0), 0.0)
        return columns_of(without_nan(scaled), numbers)

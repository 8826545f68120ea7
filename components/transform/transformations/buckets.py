"""``buckets``: the id of a number's quantile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from components.transform.transformations.base import NUMBERS, AnalysedKind

if TYPE_CHECKING:
    import tensorflow as tf

    from components.transform.columns import Columns

_QUANTILE_ERROR = 0.001
"""Largest error of a bucket boundary, as a share of the rows."""


class Buckets(AnalysedKind):
    """Quantile buckets."""

    description = "Quantile buckets; the id of the bucket."
    settings = int
    bounds = {"ge": 2}
    types = NUMBERS
    gives = "id"

    def size(self, part: str, settings: int, words: int) -> int:
        """Returns one id for each bucket, and one for missing."""
        return settings + 1

    def number(self, columns: Columns, feature: str) -> tf.Tensor:
        """Returns the number."""
        return columns.number(feature, "buckets")

    def analyse(self, numbers: Mapping[str, tf.Tensor], settings: int) -> dict[str, tf.Tensor]:
        """Returns int64 ``[batch]``: 1 to ``settings``, 0 if missing."""
        import tensorflow as tf
        import tensorflow_transform as tft

        from components.transform.tensors import as_ids, side_by_side

        error = min(_QUANTILE_ERROR, 0.1 / settings)
        boundaries = tft.quantiles(side_by_side(numbers), settings, epsilon=error, reduce_instance_dims=False)
        outputs = {}
        for index, (name, number) in enumerate(numbers.items()):
            reached = tf.cast(tf.expand_dims(number, 1), tf.float32) >= tf.expand_dims(boundaries[index], 0)
            bucket = 1 + tf.reduce_sum(tf.cast(reached, tf.int64), axis=1)
            ids = tf.where(tf.math.is_nan(number), tf.zeros_like(bucket), bucket)
            outputs[name] = as_ids(ids, settings + 1)
        return outputs

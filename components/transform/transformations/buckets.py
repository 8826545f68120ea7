"""``buckets``: the id of a number's quantile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from components.transform.transformations.base import NUMBERS, AnalysedKind

if TYPE_CHECKING:
    import tensorflow as tf

    from components.transform.fields import Fields

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

    def numbers(self, fields: Fields, features: Sequence[str]) -> tf.Tensor:
        """Returns the numbers."""
        return fields.numbers(features, "buckets")

    def analyse(self, numbers: tf.Tensor, settings: int) -> tf.Tensor:
        """Returns int64 ids: 1 to ``settings``, 0 if missing."""
        import tensorflow as tf

        from components.transform.quantiles import boundaries

        reached_at = boundaries(numbers, settings, min(_QUANTILE_ERROR, 0.1 / settings))
        values = tf.transpose(tf.cast(numbers, tf.float32))
        reached = tf.transpose(tf.searchsorted(reached_at, values, side="right", out_type=tf.int64))
        return tf.where(tf.math.is_nan(numbers), tf.zeros_like(reached), 1 + reached)

"""``identity`` and ``missing``: an unchanged number, and whether there is a value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from components.transform.transformations.base import NUMBERS, DirectKind

if TYPE_CHECKING:
    import tensorflow as tf

    from components.transform.columns import Columns


class Identity(DirectKind):
    """The number as it is."""

    description = "The number as it is."
    types = NUMBERS

    def compute(self, columns: Columns, feature: str, settings: Any) -> list[tf.Tensor]:
        """Returns the number as float32, 0 if missing."""
        import tensorflow as tf

        from components.transform.tensors import without_nan

        return [tf.cast(without_nan(columns.number(feature, "identity")), tf.float32)]


class Missing(DirectKind):
    """Whether there is no value."""

    description = "1 if the field is missing or null, otherwise 0."

    def compute(self, columns: Columns, feature: str, settings: Any) -> list[tf.Tensor]:
        """Returns 1.0 if a row has no value, otherwise 0.0."""
        import tensorflow as tf

        items = columns.items(feature)
        there = tf.math.unsorted_segment_max(
            tf.ones_like(items.indices[:, 0], tf.float32), items.indices[:, 0], items.dense_shape[0]
        )
        return [tf.cast(there < 0.5, tf.float32)]

"""``identity`` and ``missing``: an unchanged number, and whether there is a value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from components.transform.transformations.base import NUMBERS, Asked, DirectKind

if TYPE_CHECKING:
    import tensorflow as tf

    from components.transform.fields import Fields


class Identity(DirectKind):
    """The number as it is."""

    description = "The number as it is."
    types = NUMBERS

    def compute(self, fields: Fields, asked: Sequence[Asked]) -> tf.Tensor:
        """Returns the numbers as float32, 0 if missing."""
        import tensorflow as tf

        from components.transform.tensors import without_nan

        numbers = fields.numbers([one.feature for one in asked], "identity")
        return tf.cast(without_nan(numbers), tf.float32)


class Missing(DirectKind):
    """Whether there is no value."""

    description = "1 if the field is missing or null, otherwise 0."

    def compute(self, fields: Fields, asked: Sequence[Asked]) -> tf.Tensor:
        """Returns 1.0 if a row has no value, otherwise 0.0."""
        import tensorflow as tf

        return tf.cast(~fields.given([one.feature for one in asked]), tf.float32)

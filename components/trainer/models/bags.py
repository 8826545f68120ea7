"""One kernel for all bags: each has its own rows, which start as the kernel of a layer of its own would."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf


@keras.saving.register_keras_serializable("penstock")
class GlorotOfEach(keras.initializers.Initializer):
    """Glorot's uniform distribution, by the width of each bag and not of all together.

    Args:
        widths: Width of each bag.
    """

    def __init__(self, widths: Sequence[int]) -> None:
        self._widths = list(widths)

    def __call__(self, shape: tuple[int, ...], dtype: Any = None) -> Any:
        """Returns a kernel ``[width of all bags, units]``."""
        limits = np.sqrt(6.0 / (np.array(self._widths) + shape[1]))
        of_rows: np.ndarray = np.repeat(limits, self._widths)[:, np.newaxis]
        return keras.initializers.RandomUniform(-1.0, 1.0)(shape, dtype) * of_rows.astype(np.float32)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {"widths": self._widths}


@keras.saving.register_keras_serializable("penstock")
class ProjectionOfEach(keras.layers.Layer):
    """Projects each bag by its own rows of the kernel: ``[batch, width of all bags]`` to ``[batch, bags * units]``.

    Most of a bag is 0, so the rows of what is not are added up: that costs as many operations for a thousand bags as for one,
    and no multiplication with the zeros of a block-diagonal kernel.

    Args:
        widths: Width of each bag.
        units: Units of a projection.
        kernel_regularizer: Penalty on the kernel.
        name: Name of the layer.
    """

    def __init__(self, widths: Sequence[int], units: int, kernel_regularizer: Any, name: str) -> None:
        super().__init__(name=name)
        self._widths, self._units, self._regularizer = list(widths), units, kernel_regularizer

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Makes the kernel."""
        self.kernel = self.add_weight(
            shape=(sum(self._widths), self._units),
            initializer=GlorotOfEach(self._widths),
            regularizer=self._regularizer,
            name="kernel",
        )

    def call(self, inputs: Any) -> Any:
        """Returns the projections side by side."""
        bags = len(self._widths)
        places = tf.where(tf.not_equal(inputs, 0))
        row, column = places[:, 0], places[:, 1]
        weighed = tf.gather(self.kernel, column) * tf.gather_nd(inputs, places)[:, tf.newaxis]
        owner = tf.searchsorted(
            np.cumsum(self._widths, dtype=np.int64), column, side="right", out_type=tf.int64
        )
        count = tf.shape(inputs, tf.int64)[0] * bags
        return tf.reshape(
            tf.math.unsorted_segment_sum(weighed, row * bags + owner, count), [-1, bags * self._units]
        )

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Returns ``[batch, bags * units]``."""
        return (shape[0], len(self._widths) * self._units)

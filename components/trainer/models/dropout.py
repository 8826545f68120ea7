"""Dropout whose rate may be a variable: trainings that differ in the rate alone then share one traced step."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from components.trainer.distributed.shares import devices, share_of_drawn


class Dropout(keras.layers.Dropout):
    """Keras's dropout while ``rate`` is a number; with a variable the same draws, compared with what it holds.

    On several devices each drops what one device would drop of its rows.
    """

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Drops inputs ``[batch, units]`` or ``[members, batch, units]`` in training and scales up the others."""
        if not training or (isinstance(self.rate, float | int) and devices() == 1):
            return super().call(inputs, training=training)
        rate = ops.convert_to_tensor(self.rate)
        drawn = self._drawn(ops.shape(inputs), inputs.dtype)
        return ops.where(drawn >= rate, inputs / (1 - rate), ops.zeros_like(inputs))

    def _drawn(self, shape: tuple[Any, ...], dtype: Any) -> Any:
        """Returns numbers between 0 and 1."""
        before, rows, units = shape[:-2], shape[-2], shape[-1]

        def draw(rows: Any) -> Any:
            return keras.random.uniform((*before, rows, units), dtype=dtype, seed=self.seed_generator)

        return draw(rows) if devices() == 1 else share_of_drawn(draw, rows, axis=len(before))

"""Dropout whose rate may be a variable: trainings that differ in the rate alone then share one traced step."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


class Dropout(keras.layers.Dropout):
    """Keras's dropout while ``rate`` is a number; with a variable the same draws, compared with what it holds."""

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Drops inputs in training and scales up the others."""
        if isinstance(self.rate, float | int) or not training:
            return super().call(inputs, training=training)
        rate = ops.convert_to_tensor(self.rate)
        drawn = keras.random.uniform(ops.shape(inputs), dtype=inputs.dtype, seed=self.seed_generator)
        return ops.where(drawn >= rate, inputs / (1 - rate), ops.zeros_like(inputs))

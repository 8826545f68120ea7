"""The label's scale inside the model: it learns a label of mean 0 and deviation 1, and answers in the label's unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops


@dataclass(frozen=True)
class LabelScale:
    """Mean and standard deviation of a regression's label in the train split, in the label's unit."""

    mean: float
    deviation: float

    @classmethod
    def of(cls, labels: np.ndarray) -> LabelScale:
        """Returns the scale of the labels of the train split, which are not all the same."""
        exact: np.ndarray = labels.astype(np.float64)
        return cls(float(exact.mean()), float(exact.std()))


class InLabelUnit(keras.layers.Layer):
    """Turns a scaled prediction into one in the label's unit.

    The scale is a weight that is not trained: a warm start takes it over with the weights that were trained to it.

    Args:
        scale: The label's scale.
        name: Name of the layer.
    """

    def __init__(self, scale: LabelScale, name: str) -> None:
        super().__init__(name=name, dtype="float32")
        self._of = scale

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Makes the two constants."""
        for name, value in (("mean", self._of.mean), ("deviation", self._of.deviation)):
            start = keras.initializers.Constant(value)
            setattr(self, name, self.add_weight(shape=(), initializer=start, trainable=False, name=name))

    def call(self, inputs: Any) -> Any:
        """Returns predictions in the label's unit."""
        return inputs * self.deviation + self.mean

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Returns the shape of the input."""
        return shape


class ScaledError(keras.losses.Loss):
    """Mean squared error in units of the label's variance: guessing the mean has 1, whatever the label's unit.

    Args:
        deviation: Standard deviation of the label.
    """

    def __init__(self, deviation: float) -> None:
        super().__init__(name="scaled_mse")
        self._deviation = deviation

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Returns the loss of each row."""
        difference = (ops.cast(y_true, y_pred.dtype) - y_pred) / self._deviation
        return ops.mean(ops.square(difference), axis=-1)

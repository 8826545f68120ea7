"""Several networks side by side whose predictions are averaged: each has its own weights and its own loss.

Their activations are one tensor ``[members, batch, units]``, so a layer of all members is one multiplication.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("penstock")
class MemberDense(keras.layers.Layer):
    """A dense layer of every member: ``[members, batch, inputs]`` to ``[members, batch, units]``.

    Args:
        units: Number of units of each member.
        activation: Name of the activation.
        kernel_regularizer: Penalty on the kernels.
        name: Name of the layer.
    """

    def __init__(self, units: int, activation: str | None, kernel_regularizer: Any, name: str) -> None:
        super().__init__(name=name)
        self.units, self._activation = units, keras.activations.get(activation)
        self._regularizer = kernel_regularizer

    def build(self, shape: tuple[int, ...]) -> None:
        """Makes one kernel and one bias for each member."""
        members, _, width = shape
        limit = (6.0 / (width + self.units)) ** 0.5  # Glorot's, by the widths of one member
        start = keras.initializers.RandomUniform(-limit, limit)
        self.kernel = self.add_weight(
            shape=(members, width, self.units),
            initializer=start,
            regularizer=self._regularizer,
            name="kernel",
        )
        self.bias = self.add_weight(shape=(members, 1, self.units), initializer="zeros", name="bias")

    def call(self, inputs: Any) -> Any:
        """Returns the activations of all members."""
        return self._activation(ops.matmul(inputs, self.kernel) + self.bias)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Returns ``[members, batch, units]``."""
        return (*shape[:-1], self.units)


class MeanOfMembers(keras.layers.Layer):
    """Averages the members' predictions ``[members, batch, outputs]``; in training it passes them on as they are."""

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Returns ``[batch, outputs]``, or the members' own predictions while training."""
        return inputs if training else ops.mean(inputs, axis=0)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Returns ``[batch, outputs]``."""
        return shape[1:]


class MembersModel(keras.Model):
    """A model that ends with ``MeanOfMembers``: it is trained on the mean of the members' losses.

    The loss of the mean would let members make up for each other's faults and overfit as one large network.
    """

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Returns the mean of the members' losses in training, otherwise the loss of their mean."""
        if len(y_pred.shape) == 3:
            members = y_pred.shape[0]
            y_pred = ops.reshape(y_pred, (-1, y_pred.shape[-1]))
            y = ops.tile(y, (members, 1))
            sample_weight = None if sample_weight is None else ops.tile(sample_weight, (members, 1))
        return super().compute_loss(x, y, y_pred, sample_weight, training)

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Returns the metrics of the members' mean."""
        y_pred = ops.mean(y_pred, axis=0) if len(y_pred.shape) == 3 else y_pred
        return super().compute_metrics(x, y, y_pred, sample_weight)

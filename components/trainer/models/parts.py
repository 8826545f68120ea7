"""Building blocks of built-in models: numbers, ids and bags, the first hidden layer over them, and the layers above.

All ids share one table, and all bags one kernel, in which each feature has its own rows: one look-up and one multiplication
per step, not one per feature.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from components.trainer.matrices import BAGS, IDS, NUMBERS, Matrices
from components.trainer.models.bags import GlorotOfEach, ProjectionOfEach
from components.trainer.models.base import Tensors
from components.trainer.models.members import MemberDense

if TYPE_CHECKING:
    from components.trainer.config import ModelConfigSlice

WIDE = "wide"
DEEP = "deep"


def make_inputs(matrices: Matrices) -> Tensors:
    """Returns name → Keras input for every matrix."""
    return {
        name: keras.Input((width,), name=name, dtype="int64" if name == IDS else "float32")
        for name, width in matrices.widths.items()
    }


def numbers(inputs: Tensors) -> Any:
    """Returns all numbers and plain vectors side by side; None if there are none."""
    return inputs.get(NUMBERS)


def ids(matrices: Matrices, inputs: Tensors) -> Any:
    """Returns all ids side by side, each shifted to its feature's rows of the table; None if there are none."""
    if IDS not in inputs:
        return None
    return inputs[IDS] + keras.ops.array(matrices.offsets[np.newaxis], dtype="int64")


def embedding(matrices: Matrices, width: int, part: str, config: ModelConfigSlice) -> keras.layers.Embedding:
    """Returns the embedding table shared by all ids."""
    start = "zeros" if part == WIDE else "uniform"
    return keras.layers.Embedding(
        int(matrices.sizes.sum()),
        width,
        embeddings_initializer=start,
        embeddings_regularizer=l2(config, part),
        name=f"{part}_ids",
    )


def bags(config: ModelConfigSlice, matrices: Matrices, inputs: Tensors, width: int, part: str) -> list[Any]:
    """Returns the sum of a projection of each bag; nothing if there are none."""
    if BAGS not in inputs:
        return []
    layer = keras.layers.Dense(
        width,
        use_bias=False,
        kernel_initializer=GlorotOfEach([f.size for f in matrices.bags]),
        kernel_regularizer=l2(config, part),
        name=f"{part}_bags",
    )
    return [layer(inputs[BAGS])]


def projected_bags(config: ModelConfigSlice, matrices: Matrices, inputs: Tensors, width: int) -> list[Any]:
    """Returns the projections of the bags side by side; nothing if there are none."""
    if BAGS not in inputs:
        return []
    layer = ProjectionOfEach([f.size for f in matrices.bags], width, l2(config), f"{DEEP}_bags")
    return [layer(inputs[BAGS])]


def first_layer(config: ModelConfigSlice, matrices: Matrices, inputs: Tensors, units: int) -> Any:
    """Returns the activations of the first hidden layer, ``[members, batch, units]`` if there are several members.

    Without ``embedding``, ids are one-hot: their table holds the layer's own weights, so that a category needs no more
    rows to be learnt than a number does.
    """
    width = units * (config.members or 1)
    parts = [side_by_side] if (side_by_side := numbers(inputs)) is not None else []
    one_hot = []
    rows = ids(matrices, inputs)
    if config.embedding:
        if rows is not None:
            parts.append(keras.layers.Flatten()(embedding(matrices, config.embedding, DEEP, config)(rows)))
        parts += projected_bags(config, matrices, inputs, config.embedding)
    else:
        if rows is not None:
            one_hot.append(keras.ops.sum(embedding(matrices, width, DEEP, config)(rows), axis=1))
        one_hot += bags(config, matrices, inputs, width, DEEP)
    if parts:
        dense = parts[0] if len(parts) == 1 else keras.layers.Concatenate()(parts)
        limit = (6.0 / (dense.shape[-1] + units)) ** 0.5  # Glorot's, by the widths of one member
        layer = keras.layers.Dense(
            width,
            kernel_initializer=keras.initializers.RandomUniform(-limit, limit),
            kernel_regularizer=l2(config),
            name="hidden_0",
        )
        one_hot.insert(0, layer(dense))
    total = one_hot[0] if len(one_hot) == 1 else keras.layers.Add(name="hidden_0_sum")(one_hot)
    if not (config.members or 1) > 1:
        return total
    return keras.ops.transpose(keras.ops.reshape(total, (-1, config.members, units)), (1, 0, 2))


def hidden_layer(config: ModelConfigSlice, units: int, name: str, activation: str | None = None) -> Any:
    """Returns a dense layer above the first, of one network or of all members."""
    if (config.members or 1) > 1:
        return MemberDense(units, activation, l2(config), name)
    penalty = None if activation is None else l2(config)
    return keras.layers.Dense(units, activation=activation, kernel_regularizer=penalty, name=name)


def l2(config: ModelConfigSlice, part: str = DEEP) -> Any:
    """Returns the kernel penalty, or None; that of members is their mean, as their loss is."""
    members = (config.members or 1) if part == DEEP else 1
    return keras.regularizers.L2(config.l2 / members) if config.l2 else None

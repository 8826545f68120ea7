"""``linear``: one weight for each number, id and word."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from components.trainer.models.base import ModelType, Tensors

if TYPE_CHECKING:
    from components.trainer.config import ModelConfigSlice
    from components.trainer.matrices import Matrices


def logits(config: ModelConfigSlice, matrices: Matrices, inputs: Tensors, units: int) -> Any:
    """Adds up the weights of everything in a row."""
    import keras

    from components.trainer.models.parts import WIDE, bags, embedding, ids, l2, numbers

    parts = []
    side_by_side = numbers(inputs)
    if side_by_side is not None:
        layer = keras.layers.Dense(units, kernel_regularizer=l2(config, WIDE), name=f"{WIDE}_numbers")
        parts.append(layer(side_by_side))
    rows = ids(matrices, inputs)
    if rows is not None:
        parts.append(keras.ops.sum(embedding(matrices, units, WIDE, config)(rows), axis=1))
    parts += bags(config, matrices, inputs, units, WIDE)
    return parts[0] if len(parts) == 1 else keras.layers.Add(name=f"{WIDE}_sum")(parts)


LINEAR = ModelType(logits, keys=("l2",), numbers=("l2",))

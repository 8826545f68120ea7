"""``dense``: numbers, embedded ids and projected bags through hidden layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from components.trainer.models.base import ModelType, Tensors

if TYPE_CHECKING:
    from components.trainer.config import ModelConfigSlice
    from components.trainer.features import FeatureDescription


def logits(
    config: ModelConfigSlice, features: Sequence[FeatureDescription], inputs: Tensors, units: int
) -> Any:
    """Concatenates all features and passes them through the hidden layers."""
    import keras

    from components.trainer.models.parts import DEEP, bags, embedding, ids, l2, numbers

    parts = []
    side_by_side = numbers(features, inputs)
    if side_by_side is not None:
        parts.append(side_by_side)
    rows = ids(features, inputs)
    if rows is not None:
        parts.append(keras.layers.Flatten()(embedding(features, config.embedding, DEEP, config)(rows)))
    parts += bags(config, features, inputs, config.embedding, DEEP)
    hidden = parts[0] if len(parts) == 1 else keras.layers.Concatenate()(parts)
    for index, size in enumerate(config.hidden):
        layer = keras.layers.Dense(
            size, activation="relu", kernel_regularizer=l2(config), name=f"hidden_{index}"
        )
        hidden = layer(hidden)
        if config.dropout:
            hidden = keras.layers.Dropout(config.dropout)(hidden)
    return keras.layers.Dense(units, name="logits")(hidden)


DENSE = ModelType(logits, keys=("hidden", "dropout", "l2", "embedding"))

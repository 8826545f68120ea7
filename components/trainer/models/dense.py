"""``dense``: numbers, one-hot or embedded ids and bags through hidden layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from components.trainer.models.base import ModelType, Tensors

if TYPE_CHECKING:
    from components.trainer.config import ModelConfigSlice
    from components.trainer.matrices import Matrices


def logits(config: ModelConfigSlice, matrices: Matrices, inputs: Tensors, units: int) -> Any:
    """Passes all features through the hidden layers; ``[members, batch, units]`` if there are several members."""
    import keras

    from components.trainer.models.dropout import Dropout
    from components.trainer.models.parts import first_layer, hidden_layer

    if not config.hidden:
        return first_layer(config, matrices, inputs, units)
    hidden = keras.layers.Activation("relu")(first_layer(config, matrices, inputs, config.hidden[0]))
    for index, size in enumerate(config.hidden):
        if index:
            hidden = hidden_layer(config, size, f"hidden_{index}", "relu")(hidden)
        if config.dropout:
            hidden = Dropout(config.dropout)(hidden)
    return hidden_layer(config, units, "logits")(hidden)


DENSE = ModelType(logits, keys=("hidden", "members", "dropout", "l2", "embedding"), numbers=("dropout", "l2"))

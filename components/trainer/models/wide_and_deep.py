"""``wide_and_deep``: the sum of ``linear`` and ``dense``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from components.trainer.models import dense, linear
from components.trainer.models.base import ModelType, Tensors

if TYPE_CHECKING:
    from components.trainer.config import ModelConfigSlice
    from components.trainer.matrices import Matrices


def logits(config: ModelConfigSlice, matrices: Matrices, inputs: Tensors, units: int) -> Any:
    """Adds the logits of both; members share the linear part."""
    import keras

    wide = linear.logits(config, matrices, inputs, units)
    deep = dense.logits(config, matrices, inputs, units)
    return keras.ops.add(wide, deep)


WIDE_AND_DEEP = ModelType(
    logits, keys=("hidden", "members", "dropout", "l2", "embedding"), numbers=("dropout", "l2")
)

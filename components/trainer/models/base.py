"""What a model type is. Import-light: its builder loads Keras when it is called."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from components.trainer.config import ModelConfigSlice
    from components.trainer.features import FeatureDescription

Tensors = dict[str, Any]
"""Name of a feature → Keras tensor."""

Builder = Callable[["ModelConfigSlice", "Sequence[FeatureDescription]", Tensors, int], Any]
"""Takes the ``model`` slice, the features, their inputs, and how many logits there are; returns ``[batch, logits]``."""


@dataclass(frozen=True)
class ModelType:
    """A built-in kind of model.

    Attributes:
        logits: Builds the model up to its logits; the head follows from the task.
        keys: The keys of ``model`` that it reads.
    """

    logits: Builder
    keys: tuple[str, ...]

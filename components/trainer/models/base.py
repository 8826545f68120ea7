"""Base class of model types. Light to import: a builder loads Keras when called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from components.trainer.config import ModelConfigSlice
    from components.trainer.matrices import Matrices

Tensors = dict[str, Any]
"""Name of a matrix (``components.trainer.matrices``) → Keras tensor."""

Builder = Callable[["ModelConfigSlice", "Matrices", Tensors, int], Any]
"""Takes the ``model`` slice, which feature has which columns, the inputs and the number of logits; returns ``[batch, logits]``."""


@dataclass(frozen=True)
class ModelType:
    """A built-in model type.

    Attributes:
        logits: Builds the model up to its logits; the task determines the head.
        keys: The keys of ``model`` that it reads.
        numbers: Those of them that only become the number of an L2 penalty or of our ``Dropout``: above 0, trials of a search
            that differ in them share a traced step.
    """

    logits: Builder
    keys: tuple[str, ...]
    numbers: tuple[str, ...] = ()

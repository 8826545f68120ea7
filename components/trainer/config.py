"""The ``model`` and ``train`` slices of the document."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator

from components.trainer.models import MODEL_TYPES
from foundation.config import Config
from foundation.user_code import absolute_reference

Task = Literal["binary", "multiclass", "regression"]

if TYPE_CHECKING:
    ModelTypeName = str
else:
    ModelTypeName = Literal[tuple(MODEL_TYPES)]


class ModelConfigSlice(Config):
    """Which Keras model is built."""

    type: ModelTypeName = "dense"
    """Built-in model."""
    build_model: str | None = None
    """``file.py:function`` in place of a built-in model; gets the feature description and the hyperparameters, returns
    an uncompiled or compiled Keras 3 model."""
    task: Task = "binary"
    """What the label is: one of two, one of several, or a number."""
    positive: str | int | float | bool | None = None
    """For a binary task: the label's value that counts as 1; by default 1 or true."""
    hidden: list[int] = Field(default_factory=lambda: [64, 32])
    """Units of the hidden layers."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of units dropped while training."""
    l2: float = Field(default=0.0, ge=0)
    """Weight of the squared kernel penalty."""
    embedding: int = Field(default=8, ge=1)
    """Width of the embedding of an id feature."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, data: Any) -> Any:
        return {"build_model": data} if isinstance(data, str) else data

    def absolute(self, folder: Path) -> ModelConfigSlice:
        """Returns the slice with the path of the person's function made absolute from the document's folder."""
        return self.model_copy(update={"build_model": absolute_reference(folder, self.build_model)})


class EarlyStoppingConfig(Config):
    """Ends training when the validation loss no longer gets better."""

    patience: int = Field(default=3, ge=1)
    """Epochs without improvement before training ends; the best weights are kept."""
    min_delta: float = Field(default=0.0, ge=0)
    """Smallest change that counts as improvement."""


class TrainConfig(Config):
    """How the model is fitted."""

    steps: int | None = Field(default=None, ge=1)
    """Optimizer steps in all."""
    epochs: int | None = Field(default=None, ge=1)
    """Passes over the train split, in place of steps; 10 when neither is given."""
    steps_per_epoch: int | None = Field(default=None, ge=1)
    """Steps after which validation runs; by default one pass, or a tenth of ``steps``, whichever is less."""
    batch_size: int = Field(default=256, ge=1)
    """Rows a step."""
    learning_rate: float = Field(default=1e-3, gt=0)
    """Learning rate of Adam."""
    early_stopping: EarlyStoppingConfig | None = EarlyStoppingConfig()
    """When to end early; null never ends early."""
    class_weights: Literal["balanced"] | dict[str, float] | None = None
    """Weight of each class in the loss: balanced, or by label value."""
    warm_start: bool = False
    """Begin with the weights of the last blessed model of the same architecture."""
    seed: int = 42
    """Seed of weights, shuffling and dropout."""

    @model_validator(mode="after")
    def _one_limit(self) -> TrainConfig:
        if self.steps is not None and self.epochs is not None:
            raise ValueError("give steps or epochs, not both")
        return self

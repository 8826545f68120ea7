"""The ``model`` and ``train`` slices of the document."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from components.trainer.models import MODEL_TYPES
from foundation.config import Config
from foundation.user_code import absolute_reference

Task = Literal["binary", "multiclass", "regression"]
Units = Annotated[int, Field(ge=1)]

if TYPE_CHECKING:
    ModelTypeName = str
else:
    ModelTypeName = Literal[tuple(MODEL_TYPES)]


class ModelConfigSlice(Config):
    """The Keras model to build."""

    type: ModelTypeName = "wide_and_deep"
    """Built-in model."""
    build_model: str | None = None
    """``file.py:function`` in place of a built-in model; takes the feature description and the hyperparameters, returns
    a Keras 3 model, compiled or not."""
    task: Task = "binary"
    """What the label is: one of two classes, one of several, or a number."""
    positive: str | int | float | bool | None = None
    """For a binary task: the label value that counts as 1; by default 1 or true."""
    hidden: list[Units] | None = None
    """Number of units in each hidden layer; by default chosen by the number of rows."""
    members: int | None = Field(default=None, ge=1, le=64)
    """Number of networks whose predictions are averaged; by default 8 for a small table without ``hidden``, else 1."""
    dropout: float | None = Field(default=None, ge=0, lt=1)
    """Share of units dropped during training; by default chosen by the number of rows, 0 if ``hidden`` is given."""
    l2: float | None = Field(default=None, ge=0)
    """Weight of the L2 penalty on kernels; by default chosen by the number of rows, 0 if ``hidden`` is given."""
    embedding: int | None = Field(default=None, ge=1)
    """Width of an id feature's embedding; by default small vocabularies are one-hot, and larger ones are 8 wide."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, data: Any) -> Any:
        return {"build_model": data} if isinstance(data, str) else data

    def absolute(self, folder: Path) -> ModelConfigSlice:
        """Returns the slice with the path to the user's function made absolute from the document's folder."""
        return self.model_copy(update={"build_model": absolute_reference(folder, self.build_model)})


class EarlyStoppingConfig(Config):
    """Ends training when the validation loss stops improving."""

    patience: int | None = Field(default=None, ge=1)
    """Epochs without improvement before training ends; the best weights are kept. By default chosen with the steps."""
    min_delta: float = Field(default=0.0, ge=0)
    """Smallest change that counts as an improvement."""


class DevicesConfig(Config):
    """The devices that train together; each computes its share of a step's rows."""

    strategy: Literal["mirrored", "multi_worker"] = "mirrored"
    """``mirrored``: devices of this machine. ``multi_worker``: processes, on this machine or on several."""
    count: Literal["all"] | Annotated[int, Field(ge=1)] | None = None
    """mirrored: number of GPUs, or of parts of the CPU where there is no GPU; by default all GPUs."""
    workers: int | None = Field(default=None, ge=2)
    """multi_worker: number of processes to start on this machine; by default those that TF_CONFIG names."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, data: Any) -> Any:
        return {"count": data} if isinstance(data, int | str) and not isinstance(data, bool) else data

    @model_validator(mode="after")
    def _fitting(self) -> DevicesConfig:
        if self.strategy == "mirrored" and self.workers is not None:
            raise ValueError("workers needs strategy: multi_worker")
        if self.strategy == "multi_worker" and self.count is not None:
            raise ValueError("count is for strategy: mirrored; write workers")
        return self


class TrainConfig(Config):
    """How to fit the model."""

    steps: int | None = Field(default=None, ge=1)
    """Total optimizer steps."""
    epochs: int | None = Field(default=None, ge=1)
    """Passes over the train split, in place of steps; if neither is given, steps are chosen by the number of rows."""
    steps_per_epoch: int | None = Field(default=None, ge=1)
    """Steps between validations; by default one pass or a tenth of ``steps``, whichever is less."""
    batch_size: int | None = Field(default=None, ge=1)
    """Rows per step; by default chosen by the number of rows."""
    learning_rate: float | None = Field(default=None, gt=0)
    """Learning rate of Adam, constant. By default chosen by the number of rows, and lowered to 0 towards the end."""
    weight_decay: float | None = Field(default=None, ge=0)
    """Decay of all weights but biases, as AdamW's; by default chosen with the learning rate, 0 if that is given."""
    early_stopping: EarlyStoppingConfig | None = EarlyStoppingConfig()
    """When to stop early; null never stops early."""
    class_weights: Literal["balanced"] | dict[str, float] | None = None
    """Weight of each class in the loss: balanced, or by label value."""
    warm_start: bool = False
    """Start from the weights of the last blessed model of the same architecture."""
    seed: int = 42
    """Seed of weights, shuffling and dropout."""
    devices: DevicesConfig | None = None
    """Devices that train together: a number, all, or a strategy; by default one. Trials of a search train on one."""

    @model_validator(mode="after")
    def _one_limit(self) -> TrainConfig:
        if self.steps is not None and self.epochs is not None:
            raise ValueError("give steps or epochs, not both")
        return self

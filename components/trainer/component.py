"""Declaration of Trainer: the stock TFX component with Penstock's ``run_fn``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfx import types
from tfx.components import Trainer
from tfx.proto import trainer_pb2

from components.trainer.config import ModelConfigSlice, TrainConfig
from components.transform.config import FeaturesConfig
from foundation.user_code import code_digest

if TYPE_CHECKING:
    from components.node import Build


def make_trainer(
    model: ModelConfigSlice,
    train: TrainConfig,
    label: str,
    features: FeaturesConfig,
    examples: types.BaseChannel,
    transform_graph: types.BaseChannel,
    schema: types.BaseChannel,
    hyperparameters: types.BaseChannel | None = None,
    base_model: types.BaseChannel | None = None,
    project: Path | None = None,
) -> Trainer:
    """Declares Trainer: fits on the train split, stops early by the validation split, never sees the test split.

    Args:
        model: The ``model`` slice.
        train: The ``train`` slice.
        label: Name of the label.
        features: The ``features`` slice.
        examples: Raw examples with splits train, validation, test.
        transform_graph: Transform's output.
        schema: The data schema.
        hyperparameters: The Tuner's choice; overrides ``model`` and ``train``.
        base_model: The last blessed model, for a warm start.
        project: The document's folder, whose code is the person's own.

    Returns:
        The node; its outputs are ``model`` and ``model_run``.
    """
    return Trainer(
        run_fn="components.trainer.run_fn.run_fn",
        examples=examples,
        transform_graph=transform_graph,
        schema=schema,
        hyperparameters=hyperparameters,
        base_model=base_model,
        train_args=trainer_pb2.TrainArgs(splits=["train"]),
        eval_args=trainer_pb2.EvalArgs(splits=["validation"]),
        custom_config=training_settings(model, train, label, features, project),
    )


def training_settings(
    model: ModelConfigSlice,
    train: TrainConfig,
    label: str,
    features: FeaturesConfig,
    project: Path | None = None,
) -> dict[str, Any]:
    """Returns the ``custom_config`` for ``run_fn`` and ``tuner_fn``."""
    settings: dict[str, Any] = {
        "model": model.model_dump(mode="json"),
        "train": train.model_dump(mode="json"),
        "features": features.model_dump(mode="json", by_alias=True, exclude_none=True),
        "label": label,
    }
    if model.build_model:
        settings["code"] = code_digest(model.build_model, project)
    return settings


def build(at: Build, **channels: types.BaseChannel) -> Trainer:
    """Returns the node; ``channels`` are the inputs of ``make_trainer``."""
    return make_trainer(**training_slices(at), **channels)


def training_slices(at: Build) -> dict[str, Any]:
    """Returns the document's slices for training, with absolute paths to user code."""
    document = at.document
    return {
        "model": document.model.absolute(at.inputs.code_folder),
        "train": document.train,
        "label": document.data.label,
        "features": document.features.absolute(at.inputs.code_folder),
        "project": at.inputs.code_folder,
    }

"""Declaration of Tuner: the TFX component with Penstock's ``tuner_fn``, which also keeps the record of the search."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tfx import types
from tfx.components import Tuner
from tfx.dsl.components.base import executor_spec
from tfx.proto import trainer_pb2

from components.trainer.component import training_settings, training_slices
from components.trainer.config import ModelConfigSlice, TrainConfig
from components.transform.config import FeaturesConfig
from components.tuner.config import TuneConfig, check_objective
from components.tuner.executor import Executor

if TYPE_CHECKING:
    from components.node import Build


class RecordedTuner(Tuner):
    """Tuner that leaves ``trials.json`` beside TFX's ranking."""

    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)


def make_tuner(
    tune: TuneConfig,
    model: ModelConfigSlice,
    train: TrainConfig,
    label: str,
    features: FeaturesConfig,
    examples: types.BaseChannel,
    transform_graph: types.BaseChannel,
    schema: types.BaseChannel,
    work_dir: str,
    project: Path | None = None,
) -> RecordedTuner:
    """Declares Tuner: searches on the train and validation splits, never on the test split.

    Args:
        tune: The ``tune`` slice.
        model: The ``model`` slice.
        train: The ``train`` slice.
        label: Name of the label.
        features: The ``features`` slice.
        examples: Raw examples with splits train, validation, test.
        transform_graph: Transform's output.
        schema: The data schema.
        work_dir: Where searches keep their trials between runs.
        project: The document's folder, whose code is the person's own.

    Returns:
        The node; its output ``best_hyperparameters`` goes to Trainer.

    Raises:
        SpecError: The objective is not a metric that training tracks.
    """
    check_objective(tune, model.task, model.build_model is not None)
    return RecordedTuner(
        tuner_fn="components.tuner.tuner_fn.tuner_fn",
        examples=examples,
        transform_graph=transform_graph,
        schema=schema,
        train_args=trainer_pb2.TrainArgs(splits=["train"]),
        eval_args=trainer_pb2.EvalArgs(splits=["validation"]),
        custom_config={
            **training_settings(model, train, label, features, project),
            "tune": tune.model_dump(mode="json"),
            "work_dir": work_dir,
        },
    )


def build(at: Build, **channels: types.BaseChannel) -> RecordedTuner:
    """Returns the node; ``channels`` are the inputs of ``make_tuner``."""
    tune = at.document.tune
    assert tune is not None, "the node is part of the graph only with a search"
    return make_tuner(tune=tune, work_dir=str(at.places.tuning), **training_slices(at), **channels)

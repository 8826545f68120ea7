"""Runs Trainer's ``run_fn`` on the learners without a pipeline around it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.components.conftest import LABEL_OF


def packed(features: Any, columns: dict[str, Any]) -> dict[str, Any]:
    """Returns columns by name as the matrices of a split."""
    from components.trainer.matrices import Matrices

    return {name: matrix.numpy() for name, matrix in Matrices.of(features).pack(columns).items()}


PLAIN = {"type": "wide_and_deep", "hidden": [8], "dropout": 0.2}


def train_small(
    learners: SimpleNamespace,
    graph: Callable[[str], str],
    folder: Path,
    task: str = "binary",
    base_model: str | None = None,
    **train: Any,
) -> SimpleNamespace:
    """Trains into a folder; returns the folders of the model and its history."""
    from tfx.components.trainer.fn_args_utils import FnArgs

    from components.trainer.component import training_settings
    from components.trainer.config import ModelConfigSlice, TrainConfig
    from components.trainer.run_fn import run_fn
    from components.transform.config import FeaturesConfig

    chosen = train.pop("model", {"type": "wide_and_deep", "hidden": [8]})
    hyperparameters = train.pop("hyperparameters", None)
    config = TrainConfig.model_validate({"steps": 60, "batch_size": 64, "learning_rate": 0.01, **train})
    model = ModelConfigSlice.model_validate(chosen if isinstance(chosen, str) else {**chosen, "task": task})
    serving = folder / "model" / "Format-Serving"
    arguments = FnArgs(
        train_files=[str(learners.root / "examples" / "Split-train" / "*")],
        eval_files=[str(learners.root / "examples" / "Split-validation" / "*")],
        transform_graph_path=graph(task),
        serving_model_dir=str(serving),
        model_run_dir=str(folder / "run"),
        base_model=base_model,
        hyperparameters=hyperparameters,
        custom_config=training_settings(
            model, config, LABEL_OF[task], FeaturesConfig.model_validate(learners.small)
        ),
    )
    run_fn(arguments)
    history = json.loads((folder / "run" / "history.json").read_text())
    return SimpleNamespace(serving=serving, keras=serving.parent / "keras", history=history)


@pytest.fixture
def run_training(
    learners: SimpleNamespace, small_graph: Callable[[str], str], tmp_path: Path
) -> Callable[..., SimpleNamespace]:
    """Trains in the test's folder; ``name`` distinguishes its trainings, ``graph`` stands in for ``small_graph``."""

    def run(task: str = "binary", *, name: str = "run", **settings: Any) -> SimpleNamespace:
        graph = settings.pop("graph", small_graph)
        return train_small(learners, graph, tmp_path / name, task, **settings)

    return run


@pytest.fixture(scope="module")
def plain(
    learners: SimpleNamespace, small_graph: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> SimpleNamespace:
    """One training of the model ``PLAIN``, which the tests of a file compare with or start from."""
    return train_small(learners, small_graph, tmp_path_factory.mktemp("plain"), model=PLAIN)


@pytest.fixture
def serve(learners: SimpleNamespace) -> Callable[[SimpleNamespace, list[dict[str, Any]]], dict[str, Any]]:
    """Returns the served model's outputs for documents."""

    def run(trained: SimpleNamespace, documents: list[dict[str, Any]]) -> dict[str, Any]:
        import tensorflow as tf

        served = tf.saved_model.load(str(trained.serving)).signatures["serving_examples"]
        given = served(examples=tf.constant([learners.serialize(document) for document in documents]))
        return {name: tensor.numpy() for name, tensor in given.items()}

    return run

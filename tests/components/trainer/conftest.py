"""Runs Trainer's ``run_fn`` on the learners without a pipeline around it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest


@pytest.fixture
def run_training(
    learners: SimpleNamespace, small_graphs: dict[str, str], tmp_path: Path
) -> Callable[..., SimpleNamespace]:
    """Trains and returns where the model and its history are."""

    def run(
        task: str = "binary", base_model: str | None = None, name: str = "run", **train: Any
    ) -> SimpleNamespace:
        from tfx.components.trainer.fn_args_utils import FnArgs

        from components.trainer.component import training_settings
        from components.trainer.config import ModelConfigSlice, TrainConfig
        from components.trainer.run_fn import run_fn
        from components.transform.config import FeaturesConfig

        label = {"binary": "retained", "multiclass": "language", "regression": "score"}[task]
        chosen = train.pop("model", {"type": "wide_and_deep", "hidden": [8]})
        hyperparameters = train.pop("hyperparameters", None)
        config = TrainConfig.model_validate({"steps": 60, "batch_size": 64, "learning_rate": 0.01, **train})
        model = ModelConfigSlice.model_validate(
            chosen if isinstance(chosen, str) else {**chosen, "task": task}
        )
        serving = tmp_path / name / "model" / "Format-Serving"
        arguments = FnArgs(
            train_files=[str(learners.root / "examples" / "Split-train" / "*")],
            eval_files=[str(learners.root / "examples" / "Split-validation" / "*")],
            transform_graph_path=small_graphs[task],
            serving_model_dir=str(serving),
            model_run_dir=str(tmp_path / name / "run"),
            base_model=base_model,
            hyperparameters=hyperparameters,
            custom_config=training_settings(
                model, config, label, FeaturesConfig.model_validate(learners.small)
            ),
        )
        run_fn(arguments)
        history = json.loads((tmp_path / name / "run" / "history.json").read_text())
        return SimpleNamespace(serving=serving, keras=serving.parent / "keras", history=history)

    return run

"""The node that fits and exports the model."""

from __future__ import annotations

from typing import Any

from components.node import EXAMPLES, SCHEMA, Declaration, Document, Inputs, label_settings, own_code


def training_settings(document: Document, inputs: Inputs) -> list[Any]:
    """Returns the settings that determine a training: model, training, features, label."""
    slices = (document.model, document.train, document.features)
    return [*(s.model_dump(mode="json") for s in slices), label_settings(document)]


def own_model(document: Document, inputs: Inputs) -> tuple[str, ...]:
    """Returns the reference to the user's own model, if there is one."""
    return own_code(inputs.code_folder, document.model.build_model)


NODE = Declaration(
    "Trainer",
    phase="model",
    build="components.trainer.component:build",
    inputs={
        "examples": EXAMPLES,
        "transform_graph": "Transform.transform_graph",
        "schema": SCHEMA,
        "hyperparameters": "Tuner.best_hyperparameters",
        "base_model": "WarmStartModel.model",
    },
    after=("ValidationGate",),
    settings=training_settings,
    user_code=own_model,
    base_model=lambda document, inputs: document.train.warm_start,
    result=("model_run", "components.trainer.result:TrainingHistory"),
)

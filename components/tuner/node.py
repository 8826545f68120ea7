"""The node that searches for hyperparameters before training."""

from __future__ import annotations

from typing import Any

from components.node import EXAMPLES, SCHEMA, Declaration, Document, Inputs
from components.trainer.node import own_model, training_settings


def _settings(document: Document, inputs: Inputs) -> list[Any]:
    search = document.tune.model_dump(mode="json", exclude={"minutes"}) if document.tune else None
    return [search, *training_settings(document, inputs)]


NODE = Declaration(
    "Tuner",
    build="components.tuner.component:build",
    inputs={"examples": EXAMPLES, "transform_graph": "Transform.transform_graph", "schema": SCHEMA},
    after=("ValidationGate",),
    when=lambda document, inputs: document.tune is not None,
    settings=_settings,
    user_code=own_model,
    result=("tuner_results", "components.tuner.result:TunerResults"),
)

"""The node that searches for hyperparameters before training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from components.node import EXAMPLES, SCHEMA, Declaration, Document, Inputs
from components.trainer.node import own_model, training_settings
from components.tuner.config import NOT_SEARCHED
from foundation.errors import DataError


def _settings(document: Document, inputs: Inputs) -> list[Any]:
    search = document.tune.model_dump(mode="json", exclude=set(NOT_SEARCHED)) if document.tune else None
    return [search, *training_settings(document, inputs)]


def _unfinished(document: Document, folder: Path) -> str:
    from components.tuner.result import Limits, Trials

    tune = document.tune
    try:
        found = Trials.find(folder)
    except DataError:
        return "its record of the search is damaged"
    return found.unfinished(Limits(tune.trials, tune.minutes)) if found and tune else ""


NODE = Declaration(
    "Tuner",
    phase="model",
    build="components.tuner.component:build",
    inputs={"examples": EXAMPLES, "transform_graph": "Transform.transform_graph", "schema": SCHEMA},
    after=("ValidationGate",),
    when=lambda document, inputs: document.tune is not None,
    settings=_settings,
    user_code=own_model,
    result=("tuner_results", "components.tuner.result:Trials"),
    unfinished=_unfinished,
)

"""The node that predicts every document of an export."""

from __future__ import annotations

from typing import Any

from components.mongo_example_gen.node import INFER_NODE
from components.node import Declaration, Document, Inputs


def _settings(document: Document, inputs: Inputs) -> Any:
    return document.infer.model_dump(mode="json", exclude={"mongo_export"}) if document.infer else None


NODE = Declaration(
    "BulkInferrer",
    build="components.bulk_inferrer.component:build",
    inputs={
        "examples": "InferExampleGen.examples",
        "model": "Trainer.model",
        "blessing": "EvaluationGate.blessing",
    },
    when=INFER_NODE.when,
    settings=_settings,
    result=("predictions", "components.bulk_inferrer.result:Predictions"),
)

"""The node that predicts every document of an export."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from components.mongo_example_gen.node import INFER_NODE
from components.node import Declaration, Document, Inputs
from components.resolvers.node import uses_blessed_model
from foundation.outside import Outside, lost
from foundation.storage import locate


def _settings(document: Document, inputs: Inputs) -> Any:
    return (
        document.infer.model_dump(mode="json", exclude={"mongo_export", "span"}) if document.infer else None
    )


def _outside(document: Document, inputs: Inputs, result: Path) -> Outside:
    from components.bulk_inferrer.result import Predictions

    done = Predictions.find(result)
    if done is None or not done.predicted:
        return Outside()
    if done.left:
        return Outside(lost(done.left))
    # An older Penstock did not record the content, only the place.
    return Outside("" if locate(done.destination).is_file() else f"{done.destination} is gone")


NODE = Declaration(
    "BulkInferrer",
    phase="push",
    build="components.bulk_inferrer.component:build",
    beam=True,
    elsewhere="exchange",
    inputs={
        "examples": "InferExampleGen.examples",
        "model": ("BlessedModel.model", "Trainer.model"),
        "blessing": ("BlessedModel.model_blessing", "EvaluationGate.blessing"),
        "infra_blessing": ("BlessedModel.infra_blessing", "InfraValidator.blessing"),
        "candidate": "Trainer.model",
    },
    after=("Pusher",),  # it numbers the versions
    when=INFER_NODE.when,
    settings=_settings,
    outside=_outside,
    blessed_model=uses_blessed_model,
    result=("predictions", "components.bulk_inferrer.result:Predictions"),
)

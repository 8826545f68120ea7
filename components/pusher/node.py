"""The node that publishes a blessed model as the next version."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from components.node import Declaration, Document, Inputs
from components.pusher.result import PushResult
from components.pusher.standing import standing
from foundation.outside import Outside
from foundation.stores.mirror import placed


def _settings(document: Document, inputs: Inputs) -> Any:
    return document.push.model_dump(mode="json", exclude={"keep_versions"}) if document.push else None


def _outside(document: Document, inputs: Inputs, result: Path) -> Outside:
    done = PushResult.find(result)
    return standing(placed(document.push.to, inputs.folder), done) if done and document.push else Outside()


NODE = Declaration(
    "Pusher",
    phase="push",
    build="components.pusher.component:build",
    tensorflow=False,
    inputs={
        "model": "Trainer.model",
        "blessing": "EvaluationGate.blessing",
        "infra_blessing": "InfraValidator.blessing",
    },
    when=lambda document, inputs: document.push is not None,
    settings=_settings,
    outside=_outside,
    result=("pushed_model", "components.pusher.result:PushResult"),
)

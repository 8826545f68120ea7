"""The node that publishes a blessed model as the next version."""

from __future__ import annotations

from typing import Any

from components.node import Declaration, Document, Inputs


def _settings(document: Document, inputs: Inputs) -> Any:
    return document.push.model_dump(mode="json", exclude={"keep_versions"}) if document.push else None


NODE = Declaration(
    "Pusher",
    build="components.pusher.component:build",
    inputs={
        "model": "Trainer.model",
        "blessing": "EvaluationGate.blessing",
        "infra_blessing": "InfraValidator.blessing",
    },
    when=lambda document, inputs: document.push is not None,
    settings=_settings,
    result=("pushed_model", "components.pusher.result:PushResult"),
)

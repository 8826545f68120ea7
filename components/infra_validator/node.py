"""The node that serves a model before it is pushed.

It comes before the evaluation gate so that it can run alongside the Evaluator.
"""

from __future__ import annotations

from typing import Any

from components.node import EXAMPLES, Declaration, Document, Inputs


def _settings(document: Document, inputs: Inputs) -> Any:
    config = document.infra_validated()
    return config.model_dump(mode="json", exclude={"timeout_seconds"}) if config else None


NODE = Declaration(
    "InfraValidator",
    phase="evaluation",
    build="components.infra_validator.component:build",
    inputs={"model": "Trainer.model", "examples": EXAMPLES, "baseline_model": "BaselineModel.model"},
    when=lambda document, inputs: document.infra_validated() is not None,
    settings=_settings,
    code=("serving.server.main",),
    result=("report", "components.infra_validator.result:InfraValidation"),
)

"""The nodes that look up earlier artifacts: statistics to compare with, models to start from and models to beat."""

from __future__ import annotations

from components.distribution_validator.node import is_drift_checked
from components.node import Declaration, Document, Inputs

PREVIOUS_STATISTICS = Declaration(
    "PreviousStatistics",
    phase="data",
    build="components.resolvers.component:previous_statistics",
    tensorflow=False,
    inputs={"current": "StatisticsGen.statistics"},
    when=is_drift_checked,
    resolver=True,
)

WARM_START_MODEL = Declaration(
    "WarmStartModel",
    phase="model",
    build="components.resolvers.component:warm_start_model",
    tensorflow=False,
    when=lambda document, inputs: document.train.warm_start,
    resolver=True,
)


def uses_blessed_model(document: Document, inputs: Inputs) -> bool:
    """Returns whether documents are predicted by an earlier model where the run's own is not blessed."""
    return document.infer is not None and document.infer.model == "blessed"


BLESSED_MODEL = Declaration(
    "BlessedModel",
    phase="push",
    build="components.resolvers.component:blessed_model",
    tensorflow=False,
    inputs={
        "candidate": "Trainer.model",
        "verdict": "EvaluationGate.blessing",
        "served": "InfraValidator.blessing",
    },
    when=uses_blessed_model,
    resolver=True,
)

BASELINE_MODEL = Declaration(
    "BaselineModel",
    phase="evaluation",
    build="components.resolvers.component:baseline_model",
    tensorflow=False,
    inputs={"candidate": "Trainer.model"},
    resolver=True,
)

"""The nodes that look up earlier artifacts: statistics to compare with, models to start from and models to beat."""

from __future__ import annotations

from components.distribution_validator.node import is_drift_checked
from components.node import Declaration

PREVIOUS_STATISTICS = Declaration(
    "PreviousStatistics",
    build="components.resolvers.component:previous_statistics",
    inputs={"current": "StatisticsGen.statistics"},
    when=is_drift_checked,
    resolver=True,
)

WARM_START_MODEL = Declaration(
    "WarmStartModel",
    build="components.resolvers.component:warm_start_model",
    when=lambda document, inputs: document.train.warm_start,
    resolver=True,
)

BASELINE_MODEL = Declaration(
    "BaselineModel",
    build="components.resolvers.component:baseline_model",
    inputs={"candidate": "Trainer.model"},
    resolver=True,
)

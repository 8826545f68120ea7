"""The node that measures drift against the span before, where there is one."""

from __future__ import annotations

from components.node import Declaration, Document, Inputs


def is_drift_checked(document: Document, inputs: Inputs) -> bool:
    """Returns whether drift is asked for and there is something to compare with."""
    return bool(document.validation.drift) and inputs.previous_statistics


NODE = Declaration(
    "DistributionValidator",
    build="components.distribution_validator.component:build",
    inputs={"statistics": "StatisticsGen.statistics", "baseline_statistics": "PreviousStatistics.previous"},
    when=is_drift_checked,
    settings=lambda document, inputs: {n: d.model_dump() for n, d in document.validation.drift.items()},
)

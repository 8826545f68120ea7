"""The node that measures drift since the previous span, if there is one."""

from __future__ import annotations

from components.node import Declaration, Document, Inputs


def is_drift_checked(document: Document, inputs: Inputs) -> bool:
    """Returns whether the document checks drift and there is a previous span."""
    return bool(document.validation.drift) and inputs.previous_statistics


def is_measured_by_tfdv(document: Document, inputs: Inputs) -> bool:
    """Returns whether one of the drift checks uses a distance of TFDV's."""
    return bool(document.validation.tfdv_drift) and inputs.previous_statistics


NODE = Declaration(
    "DistributionValidator",
    phase="data",
    build="components.distribution_validator.component:build",
    tensorflow=False,
    inputs={"statistics": "StatisticsGen.statistics", "baseline_statistics": "PreviousStatistics.previous"},
    when=is_measured_by_tfdv,
    settings=lambda document, inputs: {n: d.model_dump() for n, d in document.validation.tfdv_drift.items()},
)

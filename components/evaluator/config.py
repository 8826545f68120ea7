"""What the ``evaluate`` slice of the document says to the Evaluator: metrics and slices; the gates are not its business."""

from __future__ import annotations

from pydantic import Field

from foundation.config import Config

METRICS: dict[str, tuple[str, ...]] = {
    "binary": (
        "auc",
        "auc_pr",
        "accuracy",
        "precision",
        "recall",
        "f1",
        "log_loss",
        "calibration",
        "mean_label",
        "mean_prediction",
    ),
    "multiclass": ("accuracy", "log_loss", "top_3_accuracy"),
    "regression": ("mse", "rmse", "mae", "calibration", "mean_label", "mean_prediction"),
}
"""Task → metrics that can be asked for."""

HIGHER_IS_BETTER: dict[str, bool | None] = {
    "auc": True,
    "auc_pr": True,
    "accuracy": True,
    "precision": True,
    "recall": True,
    "f1": True,
    "top_3_accuracy": True,
    "log_loss": False,
    "mse": False,
    "rmse": False,
    "mae": False,
    "calibration": None,
    "mean_label": None,
    "mean_prediction": None,
}
"""Metric → whether more is better; None where neither is (calibration is best at 1)."""


class MeasureConfig(Config):
    """What is measured on the test split."""

    metrics: list[str] = Field(min_length=1)
    """Names of metrics; which ones there are depends on model.task."""
    slices: list[str | list[str]] = Field(default_factory=list)
    """Features by whose values metrics are computed; a list is a crossing."""
    confidence_intervals: bool = True
    """Whether 95% intervals are computed (jackknife over 20 groups of rows)."""

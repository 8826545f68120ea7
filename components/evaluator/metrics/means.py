"""Means of labels and predictions, and their ratio."""

from __future__ import annotations

from components.evaluator.metrics.base import SumsMetric, mean_of, ratio

_TASKS = ("binary", "regression")

CALIBRATION = SumsMetric(
    tasks=_TASKS,
    best=1.0,
    needs=("positives",),
    value=lambda sums: ratio(sums["prediction"], sums["label"]),
    kind="ratio",
)
"""Mean prediction divided by mean label."""
MEAN_LABEL = SumsMetric(tasks=_TASKS, value=mean_of("label"), kind="mean")
MEAN_PREDICTION = SumsMetric(tasks=_TASKS, value=mean_of("prediction"), kind="mean")

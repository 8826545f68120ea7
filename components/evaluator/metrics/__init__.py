"""The metrics of the test split: add yours here, and its file beside this one."""

from __future__ import annotations

from components.evaluator.metrics.base import Metric, RankingMetric, SumsMetric
from components.evaluator.metrics.classes import ACCURACY, F1, LOG_LOSS, PRECISION, RECALL, TOP_3_ACCURACY
from components.evaluator.metrics.errors import MAE, MSE, RMSE
from components.evaluator.metrics.means import CALIBRATION, MEAN_LABEL, MEAN_PREDICTION
from components.evaluator.metrics.ranking import AUC, AUC_PR

__all__ = [
    "CLASS_METRICS",
    "METRICS",
    "Metric",
    "RankingMetric",
    "SumsMetric",
    "metric_named",
    "metrics_of",
    "of_class",
]

METRICS: dict[str, Metric] = {
    "auc": AUC,
    "auc_pr": AUC_PR,
    "accuracy": ACCURACY,
    "precision": PRECISION,
    "recall": RECALL,
    "f1": F1,
    "log_loss": LOG_LOSS,
    "top_3_accuracy": TOP_3_ACCURACY,
    "mse": MSE,
    "rmse": RMSE,
    "mae": MAE,
    "calibration": CALIBRATION,
    "mean_label": MEAN_LABEL,
    "mean_prediction": MEAN_PREDICTION,
}
"""Name in the document → metric."""

CLASS_METRICS = ("precision", "recall", "f1")
"""Metrics of one class against all others: in a multi-class task they are computed for each class, ``recall[setosa]``, and
their name alone is the mean over classes."""


def of_class(name: str, label: str) -> str:
    """Returns the name of a metric of one class."""
    return f"{name}[{label}]"


def metric_named(name: str) -> Metric | None:
    """Returns a metric by its name, also by that of one class; None if there is none."""
    whole, bracket, _ = name.partition("[")
    return METRICS.get(whole) if not bracket or whole in CLASS_METRICS else None


def metrics_of(task: str) -> list[str]:
    """Returns the names of a task's metrics."""
    return [name for name, metric in METRICS.items() if task in metric.tasks]

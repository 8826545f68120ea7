"""The metrics of the test split: add yours here, and its file beside this one."""

from __future__ import annotations

from components.evaluator.metrics.base import Metric, RankingMetric, SumsMetric
from components.evaluator.metrics.classes import ACCURACY, F1, LOG_LOSS, PRECISION, RECALL, TOP_3_ACCURACY
from components.evaluator.metrics.errors import MAE, MSE, RMSE
from components.evaluator.metrics.means import CALIBRATION, MEAN_LABEL, MEAN_PREDICTION
from components.evaluator.metrics.ranking import AUC, AUC_PR

__all__ = ["METRICS", "Metric", "RankingMetric", "SumsMetric", "metrics_of"]

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


def metrics_of(task: str) -> list[str]:
    """Returns the names of a task's metrics."""
    return [name for name, metric in METRICS.items() if task in metric.tasks]

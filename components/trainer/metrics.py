"""The metrics that training tracks on the validation split and tuning can optimise: add yours here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class TrainingMetric:
    """A Keras metric.

    Attributes:
        keras: Its class in ``keras.metrics``.
        higher_is_better: Whether higher is better.
        arguments: Arguments of the class apart from ``name``.
    """

    keras: str
    higher_is_better: bool = True
    arguments: Mapping[str, Any] = field(default_factory=dict)


TRAINING_METRICS: dict[str, dict[str, TrainingMetric]] = {
    "binary": {
        "auc": TrainingMetric("AUC"),
        "accuracy": TrainingMetric("BinaryAccuracy"),
        "auc_pr": TrainingMetric("AUC", arguments={"curve": "PR"}),
        "precision": TrainingMetric("Precision"),
        "recall": TrainingMetric("Recall"),
    },
    "multiclass": {
        "accuracy": TrainingMetric("SparseCategoricalAccuracy"),
        "top_3_accuracy": TrainingMetric("SparseTopKCategoricalAccuracy", arguments={"k": 3}),
    },
    "regression": {
        "mae": TrainingMetric("MeanAbsoluteError", higher_is_better=False),
        "rmse": TrainingMetric("RootMeanSquaredError", higher_is_better=False),
        "mse": TrainingMetric("MeanSquaredError", higher_is_better=False),
    },
}
"""Task → name → metric; the first two are always tracked, others only as the objective of tuning."""


def always_followed(task: str) -> list[str]:
    """Returns the metrics that training always computes after every epoch."""
    return list(TRAINING_METRICS[task])[:2]


def objectives(task: str) -> list[str]:
    """Returns what tuning can optimise: the validation loss, and each metric of the task on the validation split."""
    return ["val_loss", *(f"val_{name}" for name in TRAINING_METRICS[task])]

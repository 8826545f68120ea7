"""The metrics that training follows on the validation split, and tuning may optimise: add yours here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class TrainingMetric:
    """One metric of Keras.

    Attributes:
        keras: Its class in ``keras.metrics``.
        higher_is_better: Whether more is better.
        arguments: Arguments of the class besides ``name``.
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
"""Task → name → metric; the first two are always followed, another one where it is the objective of tuning."""


def always_followed(task: str) -> list[str]:
    """Returns the metrics that training computes after every epoch, whatever tuning asks for."""
    return list(TRAINING_METRICS[task])[:2]


def objectives(task: str) -> list[str]:
    """Returns what tuning may optimise: the validation loss, and each metric of the task on the validation split."""
    return ["val_loss", *(f"val_{name}" for name in TRAINING_METRICS[task])]

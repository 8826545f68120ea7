"""Metrics of predicted classes and their probabilities."""

from __future__ import annotations

from operator import itemgetter

from components.evaluator.metrics.base import Array, Sums, SumsMetric, mean_of, ratio

_CLASSES = ("binary", "multiclass")


def _f1_trials(sums: Sums) -> Array:
    """Returns how many rows tell as much of a share as there are for F1.

    F1 = 2J / (1 + J), where J is the share of true positives among n rows that are positive or predicted to be, and
    binomial; by the delta method F1's variance is that of a share of 2n / (2 − F1)² rows.
    """
    either = sums["predicted_positive"] + sums["label"] - sums["true_positive"]
    value = F1.value(sums)
    return 2 * either / (2 - value) ** 2


ACCURACY = SumsMetric(
    tasks=_CLASSES,
    higher_is_better=True,
    is_share=True,
    value=mean_of("correct"),
    trials=itemgetter("rows"),
)
PRECISION = SumsMetric(
    tasks=_CLASSES,
    needs=("positives",),
    higher_is_better=True,
    is_share=True,
    value=lambda sums: ratio(sums["true_positive"], sums["predicted_positive"]),
    trials=itemgetter("predicted_positive"),
)
RECALL = SumsMetric(
    tasks=_CLASSES,
    needs=("positives",),
    higher_is_better=True,
    is_share=True,
    value=lambda sums: ratio(sums["true_positive"], sums["label"]),
    trials=itemgetter("label"),
)
F1 = SumsMetric(
    tasks=_CLASSES,
    needs=("positives",),
    higher_is_better=True,
    is_share=True,
    label="F1",
    value=lambda sums: ratio(2 * sums["true_positive"], sums["predicted_positive"] + sums["label"]),
    trials=_f1_trials,
)
LOG_LOSS = SumsMetric(tasks=_CLASSES, higher_is_better=False, value=mean_of("log_loss"), kind="error")
TOP_3_ACCURACY = SumsMetric(
    tasks=("multiclass",),
    higher_is_better=True,
    is_share=True,
    value=mean_of("top_3"),
    trials=itemgetter("rows"),
)

"""Metrics of predicted classes and their probabilities."""

from __future__ import annotations

from components.evaluator.metrics.base import SumsMetric, mean_of, ratio

_BINARY = ("binary",)

ACCURACY = SumsMetric(
    tasks=("binary", "multiclass"), higher_is_better=True, is_share=True, value=mean_of("correct")
)
PRECISION = SumsMetric(
    tasks=_BINARY,
    needs=("positives",),
    higher_is_better=True,
    is_share=True,
    value=lambda sums: ratio(sums["true_positive"], sums["predicted_positive"]),
)
RECALL = SumsMetric(
    tasks=_BINARY,
    needs=("positives",),
    higher_is_better=True,
    is_share=True,
    value=lambda sums: ratio(sums["true_positive"], sums["label"]),
)
F1 = SumsMetric(
    tasks=_BINARY,
    needs=("positives",),
    higher_is_better=True,
    is_share=True,
    label="F1",
    value=lambda sums: ratio(2 * sums["true_positive"], sums["predicted_positive"] + sums["label"]),
)
LOG_LOSS = SumsMetric(tasks=("binary", "multiclass"), higher_is_better=False, value=mean_of("log_loss"))
TOP_3_ACCURACY = SumsMetric(
    tasks=("multiclass",), higher_is_better=True, is_share=True, value=mean_of("top_3")
)

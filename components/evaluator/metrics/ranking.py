"""Metrics of how predictions rank the rows."""

from __future__ import annotations

from operator import itemgetter

from components.evaluator.metrics.base import Array, RankingMetric


def auc(positive: Array, negative: Array) -> float:
    """Returns the area under the ROC curve from counts per distinct prediction, smallest first."""
    total = positive.sum() * negative.sum()
    if not total:
        return float("nan")
    below = negative.cumsum() - negative
    return float((positive * (below + negative / 2)).sum() / total)


def average_precision(positive: Array, negative: Array) -> float:
    """Returns average precision from counts per distinct prediction, smallest first."""
    import numpy as np

    if not positive.sum():
        return float("nan")
    hits = np.cumsum(positive[::-1])
    seen = np.cumsum((positive + negative)[::-1])
    precision = np.divide(hits, seen, out=np.zeros_like(hits), where=seen > 0)
    return float((precision * positive[::-1]).sum() / positive.sum())


_BOTH = ("positives", "negatives")

AUC = RankingMetric(
    tasks=("binary",),
    higher_is_better=True,
    is_share=True,
    label="AUC",
    needs=_BOTH,
    value=auc,
    kind="area",
)
AUC_PR = RankingMetric(
    tasks=("binary",),
    higher_is_better=True,
    is_share=True,
    label="AUC-PR",
    needs=_BOTH,
    value=average_precision,
    trials=itemgetter("label"),  # Boyd, Eng, Page (2013): its error is that of a share of the positives
)

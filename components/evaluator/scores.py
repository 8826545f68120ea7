"""Metrics from columns: what one row adds, what the sums say, and how far chance moves it. NumPy only.

Every metric but the two ranking ones is a function of sums over rows, so a batch is reduced to one row of sums per
jackknife bucket. ``auc`` and ``auc_pr`` need the order of all predictions and keep them (9 bytes a row).
Definitions are those of TFMA and scikit-learn: threshold 0.5 exclusive, natural logarithm, calibration is the mean
prediction over the mean label, ``auc`` counts ties half, ``auc_pr`` is average precision.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

BUCKETS = 20
"""Groups of rows that the delete-a-group jackknife leaves out one by one."""
RANKING = ("auc", "auc_pr")
"""Metrics that need the order of all predictions."""
EPSILON = 1e-7
"""Probabilities are kept this far from 0 and 1 in the logarithmic loss, as Keras does."""

Array = Any

COLUMNS: dict[str, tuple[str, ...]] = {
    "binary": ("rows", "label", "prediction", "correct", "predicted_positive", "true_positive", "log_loss"),
    "multiclass": ("rows", "correct", "top_3", "log_loss"),
    "regression": ("rows", "label", "prediction", "squared_error", "absolute_error"),
}
"""Task → what is summed."""


def row_columns(task: str, labels: Array, predictions: Array) -> Array:
    """Returns what every row adds to the sums.

    Args:
        task: binary, multiclass or regression.
        labels: [n]; 0 or 1, the class id (-1: a class the model does not know), or the number.
        predictions: [n] probability or number; [n, classes] probabilities for multiclass.

    Returns:
        [n, columns] float64 in the order of ``COLUMNS[task]``.
    """
    ones = np.ones(len(labels))
    if task == "multiclass":
        return np.stack([ones, *_multiclass(labels, predictions)], axis=1)
    y, p = np.asarray(labels, np.float64), np.asarray(predictions, np.float64)
    if task == "regression":
        return np.stack([ones, y, p, (p - y) ** 2, np.abs(p - y)], axis=1)
    positive = np.where(np.isnan(p), np.nan, p > 0.5)
    clipped = np.clip(p, EPSILON, 1 - EPSILON)
    loss = -(y * np.log(clipped) + (1 - y) * np.log1p(-clipped))
    correct = np.where(np.isnan(p), np.nan, positive == (y > 0.5))
    return np.stack([ones, y, p, correct, positive, positive * y, loss], axis=1)


def _multiclass(labels: Array, probabilities: Array) -> tuple[Array, Array, Array]:
    p = np.asarray(probabilities, np.float64)
    known = labels >= 0
    own = np.where(known, p[np.arange(len(p)), np.maximum(labels, 0)], 0.0)
    better = (p > own[:, None]).sum(axis=1)
    # Of equal probabilities the first class is the predicted one, as argmax says.
    tied_before = ((p == own[:, None]) & (np.arange(p.shape[1]) < labels[:, None])).sum(axis=1)
    rank = np.where(known, better + tied_before, p.shape[1])
    bad = np.isnan(p).any(axis=1)
    correct, top_3 = (np.where(bad, np.nan, known & (rank < k)) for k in (1, 3))
    loss = np.where(bad, np.nan, -np.log(np.clip(own, EPSILON, 1.0)))
    return correct, top_3, loss


def bucket_sums(rows: Array, buckets: Array) -> Array:
    """Returns [BUCKETS, columns] sums of ``rows`` [n, columns] by their ``buckets`` [n]."""
    return np.stack([np.bincount(buckets, column, BUCKETS) for column in rows.T], axis=1)


def _ratio(above: Array, below: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(below == 0, np.nan, above / np.where(below == 0, 1, below))


FROM_SUMS: dict[str, Callable[[dict[str, Array]], Array]] = {
    "accuracy": lambda s: _ratio(s["correct"], s["rows"]),
    "precision": lambda s: _ratio(s["true_positive"], s["predicted_positive"]),
    "recall": lambda s: _ratio(s["true_positive"], s["label"]),
    "f1": lambda s: _ratio(2 * s["true_positive"], s["predicted_positive"] + s["label"]),
    "top_3_accuracy": lambda s: _ratio(s["top_3"], s["rows"]),
    "log_loss": lambda s: _ratio(s["log_loss"], s["rows"]),
    "mse": lambda s: _ratio(s["squared_error"], s["rows"]),
    "rmse": lambda s: np.sqrt(_ratio(s["squared_error"], s["rows"])),
    "mae": lambda s: _ratio(s["absolute_error"], s["rows"]),
    "calibration": lambda s: _ratio(s["prediction"], s["label"]),
    "mean_label": lambda s: _ratio(s["label"], s["rows"]),
    "mean_prediction": lambda s: _ratio(s["prediction"], s["rows"]),
}
"""Metric → its value from named sums; works on numbers and on arrays of them."""


def metric_samples(
    task: str, metrics: list[str], sums: Array, ranked: tuple[Array, Array, Array] | None
) -> dict[str, Array]:
    """Returns metric → [1 + BUCKETS] values: over all rows, then with each bucket left out.

    Args:
        task: binary, multiclass or regression.
        metrics: Names to compute.
        sums: [BUCKETS, columns] of ``bucket_sums``.
        ranked: Predictions, labels and buckets, each [n]; needed for the ranking metrics only.
    """
    total = sums.sum(axis=0)
    samples = np.concatenate([total[None], total[None] - sums])
    # What is left of a sum after taking all of it away is rounding, not a value.
    samples[1:][np.abs(samples[1:]) < 1e-9 * np.abs(total)] = 0.0
    named = dict(zip(COLUMNS[task], samples.T, strict=True))
    values = {name: FROM_SUMS[name](named) for name in metrics if name not in RANKING}
    wanted = [name for name in metrics if name in RANKING]
    if wanted and ranked is not None:
        values.update(_ranking_samples(wanted, *ranked))
    return values


def _ranking_samples(
    metrics: list[str], predictions: Array, labels: Array, buckets: Array
) -> dict[str, Array]:
    if np.isnan(predictions).any():
        return {name: np.full(1 + BUCKETS, np.nan) for name in metrics}
    _, group = np.unique(predictions, return_inverse=True)
    result = {name: np.empty(1 + BUCKETS) for name in metrics}
    positive = np.bincount(group, labels)
    negative = np.bincount(group, 1.0 - labels)
    for i in range(-1, BUCKETS):
        out = buckets == i
        without = group[out], labels[out]
        p = positive - np.bincount(without[0], without[1], len(positive))
        n = negative - np.bincount(without[0], 1.0 - without[1], len(negative))
        for name in metrics:
            result[name][i + 1] = auc(p, n) if name == "auc" else average_precision(p, n)
    return result


def auc(positive: Array, negative: Array) -> float:
    """Returns the area under the ROC curve from counts per distinct prediction, smallest prediction first."""
    total = positive.sum() * negative.sum()
    if not total:
        return float("nan")
    below = np.cumsum(negative) - negative
    return float((positive * (below + negative / 2)).sum() / total)


def average_precision(positive: Array, negative: Array) -> float:
    """Returns average precision from counts per distinct prediction, smallest prediction first."""
    if not positive.sum():
        return float("nan")
    hits = np.cumsum(positive[::-1])
    seen = np.cumsum((positive + negative)[::-1])
    precision = np.divide(hits, seen, out=np.zeros_like(hits), where=seen > 0)
    return float((precision * positive[::-1]).sum() / positive.sum())


def standard_error(samples: Array, filled: int) -> tuple[float, int]:
    """Returns the jackknife's standard error and its degrees of freedom.

    Args:
        samples: [1 + BUCKETS]: the value over all rows, then with each bucket left out.
        filled: How many buckets hold rows; an empty one says nothing.

    Returns:
        (nan, 0) where fewer than two buckets hold rows or a sample has no value.
    """
    if filled < 2 or np.isnan(samples).any():
        return float("nan"), 0
    # An empty bucket's sample equals the whole and adds nothing to the sum below.
    deviations = (samples[1:] - samples[0]) * (filled - 1)
    mean = deviations.sum() / filled
    spread = (deviations**2).sum() / filled - mean**2
    return float(np.sqrt(max(spread, 0.0) / (filled - 1))), filled - 1

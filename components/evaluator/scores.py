"""Metrics from columns: sums over rows, the values they give, and jackknife errors. NumPy only.

Every metric except the ranking ones is a function of sums over rows, so a batch is reduced to one row of sums per
group of rows that belong together, and the jackknife leaves out one group at a time. The formulas are in ``components/evaluator/metrics``.
Definitions follow TFMA and scikit-learn: threshold 0.5 exclusive, natural logarithm, calibration is the mean
prediction divided by the mean label, ``auc`` counts ties half, ``auc_pr`` is average precision.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from components.evaluator.metrics import CLASS_METRICS, METRICS, RankingMetric, SumsMetric, of_class
from components.evaluator.metrics.base import Array, ratio
from components.exports.groups import GROUPS

BLOCKS = 20
"""Parts into which the groups are joined for a ranking metric, which takes a pass over all rows for each part left out."""
EPSILON = 1e-7
"""Log loss clips probabilities this far from 0 and 1, as Keras does."""

COLUMNS: dict[str, tuple[str, ...]] = {
    "binary": ("rows", "label", "prediction", "correct", "predicted_positive", "true_positive", "log_loss"),
    "multiclass": ("rows", "correct", "top_3", "log_loss"),
    "regression": ("rows", "label", "prediction", "squared_error", "absolute_error"),
}
"""Task → the sums always computed; a metric may add its own."""


def row_columns(task: str, labels: Array, predictions: Array, metrics: Sequence[str] = ()) -> Array:
    """Returns each row's contribution to the sums.

    Args:
        task: binary, multiclass or regression.
        labels: [n]; 0 or 1, the class id (-1 if unknown to the model), or the number.
        predictions: [n] probability or number; [n, classes] probabilities for multiclass.
        metrics: Metrics whose own sums are added.

    Returns:
        [n, columns] float64 in the order of ``sum_names``; after them, where metrics are computed by class, [n, 3 · classes].
    """
    common = {"binary": _binary, "multiclass": _multiclass, "regression": _regression}[task]
    own = [function(labels, predictions) for function in _own_sums(metrics).values()]
    columns = np.stack([np.ones(len(labels)), *common(labels, predictions), *own], axis=1)
    if not is_by_class(task, metrics):
        return columns
    return np.concatenate([columns, _class_columns(labels, predictions)], axis=1)


def is_by_class(task: str, metrics: Sequence[str]) -> bool:
    """Returns whether a metric is computed for each class."""
    return task == "multiclass" and any(name in CLASS_METRICS for name in metrics)


def _class_columns(labels: Array, probabilities: Array) -> Array:
    """Returns [n, 3 · classes]: whether each class is the label, is predicted, and is both."""
    p = np.asarray(probabilities, np.float64)
    classes = np.arange(p.shape[1])
    actual = (labels[:, None] == classes).astype(np.float64)
    predicted = (p.argmax(axis=1)[:, None] == classes).astype(np.float64)
    predicted[np.isnan(p).any(axis=1)] = np.nan
    return np.concatenate([actual, predicted, actual * predicted], axis=1)


def _binary(labels: Array, predictions: Array) -> tuple[Array, ...]:
    y, p = np.asarray(labels, np.float64), np.asarray(predictions, np.float64)
    positive = np.where(np.isnan(p), np.nan, p > 0.5)
    clipped = np.clip(p, EPSILON, 1 - EPSILON)
    loss = -(y * np.log(clipped) + (1 - y) * np.log1p(-clipped))
    correct = np.where(np.isnan(p), np.nan, positive == (y > 0.5))
    return y, p, correct, positive, positive * y, loss


def _regression(labels: Array, predictions: Array) -> tuple[Array, ...]:
    y, p = np.asarray(labels, np.float64), np.asarray(predictions, np.float64)
    return y, p, (p - y) ** 2, np.abs(p - y)


def _multiclass(labels: Array, probabilities: Array) -> tuple[Array, ...]:
    p = np.asarray(probabilities, np.float64)
    known = labels >= 0
    own = np.where(known, p[np.arange(len(p)), np.maximum(labels, 0)], 0.0)
    better = (p > own[:, None]).sum(axis=1)
    # With equal probabilities the first class is predicted, as with argmax.
    tied_before = ((p == own[:, None]) & (np.arange(p.shape[1]) < labels[:, None])).sum(axis=1)
    rank = np.where(known, better + tied_before, p.shape[1])
    bad = np.isnan(p).any(axis=1)
    correct, top_3 = (np.where(bad, np.nan, known & (rank < k)) for k in (1, 3))
    loss = np.where(bad, np.nan, -np.log(np.clip(own, EPSILON, 1.0)))
    return correct, top_3, loss


@dataclass(frozen=True)
class GroupSums:
    """Sums of rows by group.

    Attributes:
        groups: [groups] numbers of the groups that have rows, rising.
        sums: [groups, columns] float64.
    """

    groups: Array
    sums: Array

    @classmethod
    def of(cls, rows: Array, groups: Array) -> GroupSums:
        """Returns the sums of ``rows`` [n, columns] by their ``groups`` [n]."""
        found, places = np.unique(groups, return_inverse=True)
        columns = [np.bincount(places, column, len(found)) for column in rows.T]
        return cls(found, np.stack(columns, axis=1))

    def __add__(self, other: GroupSums) -> GroupSums:
        """Returns the sums over the rows of both."""
        return GroupSums.of(
            np.concatenate([self.sums, other.sums]), np.concatenate([self.groups, other.groups])
        )

    def blocks(self) -> Array:
        """Returns the [groups] number of the block that each group is joined into, so that blocks are about equally large.

        Up to ``BLOCKS`` groups each are a block of their own.
        """
        order = np.argsort(-self.sums[:, 0], kind="stable")
        turn: Array = np.arange(len(order)) % (2 * BLOCKS)  # dealt out forwards, then backwards
        blocks: Array = np.empty(len(order), np.int64)
        blocks[order] = np.minimum(turn, 2 * BLOCKS - 1 - turn)
        return blocks


def sum_names(task: str, metrics: Sequence[str]) -> list[str]:
    """Returns the names of the columns of ``row_columns``."""
    return [*COLUMNS[task], *_own_sums(metrics)]


def _own_sums(metrics: Sequence[str]) -> dict[str, Callable[[Array, Array], Array]]:
    """Returns name → function of the sums that the metrics add."""
    chosen = (METRICS[name] for name in metrics)
    return {k: f for metric in chosen if isinstance(metric, SumsMetric) for k, f in metric.sums.items()}


def needs_order(metrics: Sequence[str]) -> bool:
    """Returns whether a metric needs the order of all predictions."""
    return any(isinstance(METRICS[name], RankingMetric) for name in metrics)


def metric_samples(
    task: str,
    metrics: Sequence[str],
    total: GroupSums,
    ranked: tuple[Array, Array, Array] | None,
    classes: Sequence[str] = (),
) -> dict[str, Array]:
    """Returns metric → [1 + parts] values: over all rows, then with each part left out.

    A part is a group, for ranking metrics a block of groups.

    Args:
        task: binary, multiclass or regression.
        metrics: Names to compute.
        total: Sums by group.
        ranked: Predictions, labels and groups, each [n]; only ranking metrics need it.
        classes: Label of each class of a multi-class task.
    """
    whole = total.sums.sum(axis=0)
    samples = np.concatenate([whole[None], whole[None] - total.sums])
    # A remainder this small is rounding error, not a value.
    samples[1:][np.abs(samples[1:]) < 1e-9 * np.abs(whole)] = 0.0
    names = sum_names(task, metrics)
    named = dict(zip(names, samples.T[: len(names)], strict=True))
    known = {name: METRICS[name] for name in metrics if not is_by_class(task, [name])}
    values = {name: metric.value(named) for name, metric in known.items() if isinstance(metric, SumsMetric)}
    ranking = {name: metric.value for name, metric in known.items() if isinstance(metric, RankingMetric)}
    if ranking and ranked is not None:
        predictions, labels, groups = ranked
        blocks = total.blocks()[np.searchsorted(total.groups, groups)]
        values.update(_ranking_samples(ranking, predictions, labels, blocks))
    for name in metrics:
        if is_by_class(task, [name]):
            values.update(_class_samples(name, class_sums(samples.T[len(names) :], classes)))
    return values


def class_sums(columns: Array, classes: Sequence[str]) -> dict[str, dict[str, Array]]:
    """Returns class → the sums that a binary task would have of it against all others.

    Args:
        columns: [3 · classes, …] in the order of ``row_columns``.
        classes: Label of each class.
    """
    actual, predicted, both = np.split(columns, 3)
    return {
        label: {"label": actual[i], "predicted_positive": predicted[i], "true_positive": both[i]}
        for i, label in enumerate(classes)
    }


def _class_samples(name: str, sums: Mapping[str, Mapping[str, Array]]) -> dict[str, Array]:
    """Returns a metric for each class, and the mean over those that are a label or predicted, as scikit-learn's macro average."""
    metric = METRICS[name]
    assert isinstance(metric, SumsMetric), "metrics of classes are made of sums"
    found = {of_class(name, label): metric.value(own) for label, own in sums.items()}
    there = np.stack([own["label"] + own["predicted_positive"] > 0 for own in sums.values()])
    unsure = np.stack([np.isnan(own["predicted_positive"]) for own in sums.values()]).any(axis=0)
    filled = np.where(there, np.nan_to_num(np.stack(list(found.values()))), 0.0)
    mean = np.where(unsure, np.nan, ratio(filled.sum(axis=0), there.sum(axis=0)))
    return {name: mean, **found}


def _ranking_samples(
    formulas: Mapping[str, Callable[[Array, Array], float]],
    predictions: Array,
    labels: Array,
    blocks: Array,
) -> dict[str, Array]:
    count = int(blocks.max(initial=-1)) + 1
    if np.isnan(predictions).any():
        return {name: np.full(1 + count, np.nan) for name in formulas}
    _, rank = np.unique(predictions, return_inverse=True)
    result = {name: np.empty(1 + count) for name in formulas}
    positive = np.bincount(rank, labels)
    negative = np.bincount(rank, 1.0 - labels)
    for i in range(-1, count):
        out = blocks == i
        without = rank[out], labels[out]
        p = positive - np.bincount(without[0], without[1], len(positive))
        n = negative - np.bincount(without[0], 1.0 - without[1], len(negative))
        for name, formula in formulas.items():
            result[name][i + 1] = formula(p, n)
    return result


def standard_error(samples: Array) -> tuple[float, int]:
    """Returns the jackknife's standard error and its degrees of freedom.

    Args:
        samples: [1 + parts]: the value over all rows, then with each part left out.

    Returns:
        (nan, 0) if there are fewer than two parts or a sample has no value.
    """
    parts = len(samples) - 1
    if parts < 2 or np.isnan(samples).any():
        return float("nan"), 0
    spread = ((samples[1:] - samples[1:].mean()) ** 2).sum()
    return float(np.sqrt((parts - 1) / parts * spread)), parts - 1


def distinct(groups: int, rows: int) -> int:
    """Returns about how many keys the rows have, of which ``groups`` different numbers were seen (linear counting).

    Whang, Vander-Zanden, Taylor (1990): of m numbers, keys k leave m·exp(−k/m) unseen.
    """
    if groups >= GROUPS:
        return rows
    return min(rows, round(-GROUPS * np.log1p(-groups / GROUPS)))

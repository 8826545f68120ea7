"""How much of the label a feature tells alone: a small tree over its readings, cross-fitted, with its uncertainty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from components.validation_gate.leakage.readings import Reading
from components.validation_gate.leakage.target import FOLDS, Target

_LEAVES = {"classes": 64, "numbers": 256}
_FEWEST_IN_LEAF = 3
_PRIOR = 0.1
"""Rows that each class has in each leaf beforehand."""
_HOPELESS_NUMBER = 0.9
"""The same for a correlation."""
_Z = 1.645
"""One-sided 95%."""
_SPREAD = 0.75
"""About the standard deviation of what one row of a class tells, in bits, of a normal feature or of a code with 3% flips."""
_Z_TOLD = 1.96
"""Two-sided 95%, for the intervals that are told."""
_HOPELESS = 0.5
"""A feature is given up after one fold if it tells less than this share of what is looked for."""


@dataclass(frozen=True)
class Share:
    """A share of what there is to know of the label, with its one-sided 95% lower bound."""

    value: float
    low: float


def information(probabilities: np.ndarray, labels: np.ndarray, classes: int) -> Share:
    """Returns the share of the label's entropy that balanced probabilities explain, each class counting alike.

    Args:
        probabilities: [n, K] of each class, as if all classes were equally frequent.
        labels: [n] class of each row.
        classes: K.
    """
    gains = 1 + np.log(np.maximum(probabilities[np.arange(len(labels)), labels], 1e-12)) / np.log(classes)
    of_class = [gains[labels == k] for k in range(classes)]
    value = float(np.mean([g.mean() for g in of_class]))
    variance = sum(g.var(ddof=1) / len(g) for g in of_class) / classes**2
    return Share(value, value - _Z * float(np.sqrt(variance)))


@lru_cache(maxsize=64)
def normal_information(auc: float) -> float:
    """Returns the share of a balanced label's entropy that a normally distributed feature with this AUC explains.

    Two normal distributions of equal variance, ``d`` deviations apart: AUC = Φ(d/√2), log odds = d·x.
    """
    from scipy.stats import norm

    if auc >= 1:
        return 1.0
    apart = np.sqrt(2) * norm.ppf(auc)
    x = np.linspace(-10, 10, 4001)
    weights = norm.pdf(x) / norm.pdf(x).sum()
    odds = apart * (x + apart / 2)
    return float(1 - (weights * np.logaddexp(0, -odds)).sum() / np.log(2))


def chance(positives: int, negatives: int) -> float:
    """Returns how much more of a label an honest feature may explain by chance.

    Two standard errors of the mean over two classes that count alike.
    """
    return float(_SPREAD * np.sqrt(1 / positives + 1 / negatives))


def tree_probabilities(found: Sequence[Reading], target: Target, wanted: float = 0.0) -> np.ndarray | None:
    """Returns [n, K] balanced probabilities of each row's class by trees that were fitted without its fold.

    Args:
        found: The readings of one feature.
        target: The classes.
        wanted: Share of the label's entropy that is looked for; None is returned once it is out of reach.
    """
    from sklearn.tree import DecisionTreeClassifier

    table = matrix(found)
    probabilities = np.zeros((len(table), target.classes))
    for fold in range(FOLDS):
        inside, outside = target.folds == fold, target.folds != fold
        tree = DecisionTreeClassifier(
            max_leaf_nodes=_LEAVES["classes"],
            min_samples_leaf=_FEWEST_IN_LEAF,
            class_weight="balanced",
            random_state=0,
        )
        leaves = tree.fit(table[outside], target.labels[outside]).apply(table)
        flat = leaves[outside] * target.classes + target.labels[outside]
        counts = np.bincount(flat, minlength=tree.tree_.node_count * target.classes)
        sizes = np.bincount(target.labels[outside], minlength=target.classes)
        rates = (counts.reshape(-1, target.classes) + _PRIOR) / (sizes + _PRIOR * tree.get_n_leaves())
        shares = rates / rates.sum(1, keepdims=True)
        probabilities[inside] = shares[leaves[inside]]
        if fold == 0 and wanted:
            share = _quick(probabilities[inside], target.labels[inside], target.classes)
            if share < _HOPELESS * wanted:
                return None
    return probabilities


def _quick(probabilities: np.ndarray, labels: np.ndarray, classes: int) -> float:
    """Returns the best share of the entropy of any class or of the whole label, on one fold."""
    shares = [
        information(class_against_rest(probabilities, k), (labels == k).astype(int), 2).value
        for k in range(classes)
        if np.sum(labels == k) > 1
    ]
    return (
        max([information(probabilities, labels, classes).value, *shares]) if len(shares) == classes else 1.0
    )


def class_against_rest(probabilities: np.ndarray, k: int) -> np.ndarray:
    """Returns [n, 2] balanced probabilities of all other classes together and of class ``k``."""
    rest = (1 - probabilities[:, k]) / max(probabilities.shape[1] - 1, 1)
    both = np.stack([rest, probabilities[:, k]], 1)
    shares: np.ndarray = both / both.sum(1, keepdims=True)
    return shares


def tree_numbers(found: Sequence[Reading], target: Target, wanted: float = 0.0) -> np.ndarray | None:
    """Returns [n] predictions of the normal scores by trees that were fitted without the row's fold.

    Args:
        found: The readings of one feature.
        target: The normal scores.
        wanted: Correlation that is looked for; None is returned once it is out of reach.
    """
    from sklearn.tree import DecisionTreeRegressor

    table, predicted = matrix(found), np.zeros(len(target.labels))
    for fold in range(FOLDS):
        inside, outside = target.folds == fold, target.folds != fold
        tree = DecisionTreeRegressor(
            max_leaf_nodes=_LEAVES["numbers"], min_samples_leaf=_FEWEST_IN_LEAF, random_state=0
        )
        predicted[inside] = tree.fit(table[outside], target.labels[outside]).predict(table[inside])
        if fold == 0 and wanted:
            near = like_correlation(target.labels[inside] - predicted[inside], target.labels[inside])
            if near.value < _HOPELESS_NUMBER * wanted:
                return None
    return predicted


def matrix(found: Sequence[Reading]) -> np.ndarray:
    """Returns [n, readings] numbers, missing ones below all others."""
    columns = []
    for reading in found:
        known = reading.values[~np.isnan(reading.values)]
        columns.append(np.where(np.isnan(reading.values), known.min() - 1 - np.ptp(known), reading.values))
    table: np.ndarray = np.clip(np.stack(columns, 1), -1e30, 1e30).astype(np.float32)
    return table


def auc(scores: np.ndarray, positive: np.ndarray) -> float:
    """Returns the area under the ROC curve of [n] scores."""
    from scipy.stats import rankdata

    ranks, many = rankdata(scores), int(positive.sum())
    few = len(positive) - many
    return float((ranks[positive].sum() - many * (many + 1) / 2) / (many * few))


def is_above(value: float, at_least: float, positives: int, negatives: int) -> bool:
    """Returns whether an AUC is above another one with 95% confidence, on the scale of log odds.

    The error is that of Hanley and McNeil (1982) at the AUC that is to be exceeded: few rows ask for more.
    """
    if value >= 1:
        value = 1 - 0.5 / (positives * negatives)
    one, both = at_least / (2 - at_least), 2 * at_least**2 / (1 + at_least)
    square, rest = at_least**2, at_least * (1 - at_least)
    variance = rest + (positives - 1) * (one - square) + (negatives - 1) * (both - square)
    error = float(np.sqrt(variance / (positives * negatives))) / rest
    return float(np.log(value / (1 - value)) - np.log(at_least / (1 - at_least))) >= _Z * error


def auc_interval(value: float, positives: int, negatives: int) -> tuple[float, float]:
    """Returns the 95% score interval of an AUC, which has a width at 1 too (Newcombe 2006, method 5)."""
    half = (positives + negatives) / 2 - 1

    def error(true: float) -> float:
        spread = 1 + half * (1 - true) / (2 - true) + half * true / (1 + true)
        return float(np.sqrt(true * (1 - true) * spread / (positives * negatives)))

    ends = []
    for sign, far in ((-1, 0.0), (1, 1.0)):
        inner, outer = value, far
        for _ in range(40):
            middle = (inner + outer) / 2
            within = sign * (middle - value) <= _Z_TOLD * error(middle)
            inner, outer = (middle, outer) if within else (inner, middle)
        ends.append(inner)
    return ends[0], ends[1]


def like_correlation(residuals: np.ndarray, scores: np.ndarray) -> Share:
    """Returns the correlation of normal variables whose residuals are as small as these, for nine rows in ten.

    The tenth that fits worst does not count, so that a copy with some wrong values is seen as one.

    Args:
        residuals: [n] differences between prediction and normal score.
        scores: [n] normal scores.
    """
    spread = np.quantile(np.abs(scores - np.median(scores)), 0.9)
    sizes, n = np.sort(np.abs(residuals)), len(residuals)
    if spread == 0:
        return Share(0.0, 0.0)
    ends = [0.9, min(0.9 + _Z * float(np.sqrt(0.09 / n)), 1.0)]
    value, low = (float(np.sqrt(max(0.0, 1 - (np.quantile(sizes, q) / spread) ** 2))) for q in ends)
    return Share(value, low)


def rank_correlation(values: np.ndarray, scores: np.ndarray) -> Share:
    """Returns the absolute correlation of the ranks where both are known, with Fisher's bound."""
    known = ~np.isnan(values)
    n = int(known.sum())
    if n < 10 or np.ptp(values[known]) == 0 or np.ptp(scores[known]) == 0:
        return Share(0.0, 0.0)
    from scipy.stats import rankdata

    value = abs(float(np.corrcoef(rankdata(values[known]), rankdata(scores[known]))[0, 1]))
    low = float(np.tanh(np.arctanh(min(value, 1 - 1e-12)) - _Z / np.sqrt(n - 3)))
    return Share(value, low)

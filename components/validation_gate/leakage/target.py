"""The label as the search for leaks sees it: classes or normal scores, a sample of the rows, and their folds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

FOLDS = 5
"""Each row is judged by what the rows of the other folds say, so that a value seen once reveals nothing."""
FEWEST = FOLDS
"""Rows of a class that are needed to judge a feature: one for each fold."""
FEWEST_NUMBERS = 20
"""Labels of a regression that are needed."""
MOST_CLASSES = 20
"""Number of classes of a multi-class label examined, most frequent first."""
MOST_EXAMINED = 4_000
"""Rows examined; rare classes keep theirs."""


@dataclass(frozen=True)
class Target:
    """The labels of the examined rows.

    Attributes:
        rows: [n] positions of the examined rows among all.
        labels: [n] class, from 0, or normal score of the number to predict.
        names: Names of the classes; empty for a regression.
        folds: [n] fold of each row, of all classes alike.
    """

    rows: np.ndarray
    labels: np.ndarray
    names: tuple[str, ...]
    folds: np.ndarray

    @property
    def classes(self) -> int:
        """Number of classes; 0 for a regression."""
        return len(self.names)

    @property
    def sizes(self) -> np.ndarray:
        """[K] rows of each class."""
        return np.bincount(self.labels, minlength=self.classes)


def make_target(values: Sequence[Any], task: str, positive: Any) -> Target | None:
    """Returns the target, or None if there are too few labels.

    Args:
        values: [n] labels, None where missing.
        task: binary, multiclass or regression.
        positive: Positive label of a binary task; None means 1 or true.
    """
    rng = np.random.default_rng(0)
    if task == "regression":
        known = np.array(
            [i for i, value in enumerate(values) if value is not None and value == value], np.int64
        )
        rows = np.sort(rng.permutation(known)[:MOST_EXAMINED])
        numbers = np.array([values[i] for i in rows], np.float64)
        if len(rows) < FEWEST_NUMBERS or np.ptp(numbers) == 0:
            return None
        return Target(rows, normal_scores(numbers), (), rng.permutation(len(rows)) % FOLDS)
    names, classes = _classes(values, task, positive)
    found = [np.flatnonzero(classes == k) for k in range(len(names))]
    if len(found) < 2 or min(map(len, found)) < FEWEST:
        return None
    rows, folds = _sample(found, rng)
    return Target(rows, classes[rows], names, folds)


def _classes(values: Sequence[Any], task: str, positive: Any) -> tuple[tuple[str, ...], np.ndarray]:
    """Returns the names of the classes and [n] class of each row, -1 for none."""
    if task == "binary":
        wanted = ("1", "true", "True") if positive is None else (str(positive),)
        number = 1 if positive is None else positive
        told = [None if v is None else (v in wanted if isinstance(v, str) else v == number) for v in values]
        return ("no", "yes"), np.array([-1 if v is None else int(v) for v in told], np.int64)
    counts: dict[str, int] = {}
    for value in values:
        if value is not None:
            counts[str(value)] = counts.get(str(value), 0) + 1
    frequent = sorted((name for name in counts if counts[name] >= FEWEST), key=lambda name: -counts[name])
    places = {name: k for k, name in enumerate(frequent[:MOST_CLASSES])}
    return tuple(places), np.array(
        [places.get(str(v), -1) if v is not None else -1 for v in values], np.int64
    )


def _sample(found: list[np.ndarray], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Returns rows of all classes, of the rare ones all, and their folds; every fold has its share of each class."""
    left = MOST_EXAMINED
    rows: list[np.ndarray] = []
    folds: list[np.ndarray] = []
    for place, of_class in enumerate(sorted(found, key=len)):
        some = rng.permutation(of_class)[: max(FEWEST, left // (len(found) - place))]
        left -= len(some)
        rows.append(some)
        folds.append((np.arange(len(some)) + place) % FOLDS)
    order = np.argsort(np.concatenate(rows))
    return np.concatenate(rows)[order], np.concatenate(folds)[order]


def normal_scores(numbers: np.ndarray) -> np.ndarray:
    """Returns [n] quantiles of the normal distribution at the numbers' ranks; ties share their mean rank."""
    from scipy.stats import norm, rankdata

    scores: np.ndarray = norm.ppf((rankdata(numbers) - 0.5) / len(numbers))
    return scores

"""How likely it is by chance alone that answers fit labels as well as they do: a permutation test.

Whoever gave the answers has not seen the labels. So if the answers say nothing of them, every order of the labels is as
likely as the one that was seen, and the share of orders that fit as well is exact for any number of rows and any model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from components.trainer.config import Task

ORDERS = 999
"""Orders that are tried."""
_TIE = 1e-9
"""Fits that differ by less are the same: sums of the same numbers in another order."""


@dataclass(frozen=True)
class Chance:
    """How answers fit labels.

    Attributes:
        fit: Mean probability of a row's own class; for numbers, the rank correlation.
        shuffled: What it is with shuffled labels, on average.
        probability: How likely it is that shuffled labels fit as well, from 1 / (``ORDERS`` + 1) to 1.
    """

    fit: float
    shuffled: float
    probability: float


def chance_of(task: Task, answers: np.ndarray, labels: np.ndarray, seed: int = 0) -> Chance:
    """Returns how likely shuffled labels would fit answers as well.

    Args:
        task: The task of the model.
        answers: ``[rows, outputs]`` probabilities or numbers, by a model that has not seen the labels.
        labels: ``[rows]``.
        seed: Seed of the orders.
    """
    rng = np.random.default_rng(seed)
    gains, own = _columns(task, answers, labels)
    fit = _fit(gains, own)
    orders = [_fit(gains, rng.permutation(own)) for _ in range(ORDERS)]
    as_good = sum(one >= fit - _TIE for one in orders)
    return Chance(fit, float(np.mean(orders)), (1 + as_good) / (1 + ORDERS))


def _columns(task: Task, answers: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns ``[rows, columns]`` what a row gains by a label, and the labels as columns or, with one column, as factors."""
    if task == "regression":
        return _standard_ranks(answers[:, 0])[:, np.newaxis], _standard_ranks(labels)
    if task == "binary":
        answers = np.hstack([1 - answers, answers])
    return answers.astype(np.float64), (labels > 0.5 if task == "binary" else labels).astype(np.int64)


def _fit(gains: np.ndarray, labels: np.ndarray) -> float:
    if gains.shape[1] == 1:
        return float((gains[:, 0] * labels).mean())
    return float(gains[np.arange(len(labels)), labels].mean())


def _standard_ranks(values: np.ndarray) -> np.ndarray:
    from scipy.stats import rankdata

    ranks = rankdata(values)
    return (ranks - ranks.mean()) / (ranks.std() or 1.0)

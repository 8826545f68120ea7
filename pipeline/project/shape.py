"""Whether a small export shows anything that a linear model cannot learn: then that is the model to begin with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pipeline.project.labels import Label
from pipeline.project.uses import Use
from pipeline.project.values import classes_of, texts_of

MOST_ROWS = 2_000
"""Documents up to which the models are compared; of more, what is not linear is worth its training."""
_FEWEST_ROWS = 50
_MOST_VALUES = 50
_MOST_WORK = 300
"""Inputs times classes up to which trees are fitted; more would take longer than a person waits."""
_FOLDS = 5
_SEED = 0


def is_linear(uses: Sequence[Use], label: Label, total: int | None) -> bool:
    """Returns whether boosted trees predict a small export no better than a linear model does.

    The mean loss (squared error, log loss) of both models over five folds of the sample decides. A network on a few hundred rows
    that hold nothing else loses to a linear model; where it would not, little is lost.

    Args:
        uses: The fields that the document uses.
        label: The label.
        total: Number of documents in the export; None if nobody knows.
    """
    target = _target(label)
    there = np.array([value is not None and value == value for value in target])
    rows = int(there.sum())
    inputs = (
        _inputs(uses, there) if total is not None and total <= MOST_ROWS and rows >= _FEWEST_ROWS else None
    )
    if inputs is None:
        return False
    y = np.array([value for value, known in zip(target, there, strict=True) if known])
    if inputs.shape[1] * len(label.shares) > _MOST_WORK:
        return False
    gains = _gains(inputs, y, label.task == "regression")
    return bool(len(gains)) and float(gains.mean()) > 0


def _target(label: Label) -> Sequence[Any]:
    return label.field.numbers.tolist() if label.task == "regression" else classes_of(label.field.sample)


def _inputs(uses: Sequence[Use], there: np.ndarray) -> np.ndarray | None:
    """Returns scaled numbers and one-hot texts, float64 [rows, inputs]; None without any."""
    columns: list[np.ndarray] = []
    for field in (use.field for use in uses if use.transformations and not use.field.is_array):
        if field.type in ("string", "bytes"):
            texts = np.array([text or "" for text in texts_of(field.sample)])[there]
            values = np.unique(texts)
            columns += [texts == value for value in values] if len(values) <= _MOST_VALUES else []
            continue
        numbers = field.numbers[there]
        known = numbers[np.isfinite(numbers)]
        spread = float(known.std()) if len(known) else 0.0
        if spread > 0:
            columns.append(np.nan_to_num((numbers - known.mean()) / spread))
    return np.stack(columns, axis=1).astype(np.float64) if columns else None


def _gains(x: np.ndarray, y: np.ndarray, is_number: bool) -> np.ndarray:
    """Returns for each row how much larger the loss of trees is than that of a linear model, float64 [rows]."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.model_selection import KFold, StratifiedKFold
    from threadpoolctl import threadpool_limits

    settings = {"max_iter": 60, "max_leaf_nodes": 8, "min_samples_leaf": 10, "early_stopping": False}
    if not is_number and min(np.unique(y, return_counts=True)[1]) < _FOLDS:
        return np.zeros(0)
    if is_number:
        models = (Ridge(), HistGradientBoostingRegressor(**settings, random_state=_SEED))
    else:
        trees = HistGradientBoostingClassifier(**settings, random_state=_SEED)
        models = (LogisticRegression(max_iter=500), trees)
    folds = (KFold if is_number else StratifiedKFold)(_FOLDS, shuffle=True, random_state=_SEED)
    gains = []
    with threadpool_limits(1):  # two threads on a busy core wait for each other
        for train, test in folds.split(x, y):
            one, other = (
                _losses(model.fit(x[train], y[train]), x[test], y[test], is_number) for model in models
            )
            gains.append(other - one)
    return np.concatenate(gains)


def _losses(model: Any, x: np.ndarray, y: np.ndarray, is_number: bool) -> np.ndarray:
    """Returns the squared error or the log loss of each row, float64 [rows]."""
    if is_number:
        squared: np.ndarray = (model.predict(x) - y) ** 2
        return squared
    chances = model.predict_proba(x)[np.arange(len(y)), np.searchsorted(model.classes_, y)]
    return -np.log(np.maximum(chances, 1e-12))

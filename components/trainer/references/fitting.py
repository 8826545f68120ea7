"""Fits the references: prior or mean, and a regularised linear model by scikit-learn on one thread."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from components.trainer.references.design import Design, make_design
from components.trainer.result import ReferencesResult

if TYPE_CHECKING:
    from components.trainer.config import Task
    from components.trainer.data import TransformedSplit
    from components.trainer.features import FeatureDescription

MOST_ROWS = 200_000
"""Rows to fit on; of a larger split, a sample."""
MOST_CELLS = 25_000_000
"""Numbers in the rows to fit on, times the classes; rows that are wider are fewer."""
MOST_CHOOSING_ROWS = 50_000
"""Validation rows that choose the strength."""
MOST_WEIGHTS = 5_000_000
"""Columns times classes; the solver keeps some twenty copies of the weights."""
STRENGTHS = (0.01, 1.0, 100.0)
"""How freely the weights may grow: scikit-learn's C, and one over the alpha of ``Ridge``."""
ROWS_A_COLUMN = 10
"""With fewer train rows for each column the strength is chosen; with more, 1 is sound."""
MOST_ITERATIONS = 300
_TOLERANCE = 1e-7
_CHOLESKY_CELLS = 5_000_000
"""A sparse matrix with at most this many cells is made dense, for the exact solution."""
_NOT_FITTED = (ValueError, ArithmeticError, MemoryError, np.linalg.LinAlgError)
"""What scikit-learn raises where a data set cannot be fitted."""


@dataclass(frozen=True)
class Linear:
    """A fitted linear model.

    Attributes:
        design: Its columns.
        weights: [columns, outputs].
        bias: [outputs].
        converged: Whether the solver reached its tolerance.
        strength: The one of ``STRENGTHS`` that it was fitted with.
    """

    design: Design
    weights: np.ndarray
    bias: np.ndarray
    converged: bool
    strength: float = 1.0

    def scores(self, matrix: Any) -> np.ndarray:
        """Returns ``[rows, outputs]`` logits or numbers."""
        return np.asarray(matrix @ self.weights + self.bias)


@dataclass(frozen=True)
class References:
    """Both references.

    Attributes:
        constant: [1] probability or mean; [classes] probabilities.
        linear: The linear model; None if it cannot be fitted.
        result: What to say about them.
    """

    constant: np.ndarray
    linear: Linear | None
    result: ReferencesResult


def fit_references(
    task: Task,
    features: Sequence[FeatureDescription],
    splits: tuple[TransformedSplit, TransformedSplit],
    classes: int,
    seed: int,
) -> References:
    """Fits both references on the train split; the validation split chooses how strongly to regularise.

    Args:
        task: The task.
        features: The model's inputs.
        splits: The train and the validation split.
        classes: Number of classes of a multi-class label; 1 for other tasks.
        seed: Seed of the sample of a large train split.
    """
    begin = time.perf_counter()
    train, _ = splits
    constant = _constant(task, train.labels, classes)
    rows, linear, problem = sample(task, features, train, classes, seed), None, ""
    try:
        linear = _fit(task, features, splits, rows, classes)
    except _NOT_FITTED as error:
        problem = " ".join(f"{type(error).__name__}: {error}".split())
    result = ReferencesResult(
        constant=tuple(float(value) for value in constant),
        rows=len(rows),
        columns=sum(linear.design.widths) if linear else 0,
        strength=linear.strength if linear else None,
        converged=linear.converged if linear else None,
        not_finite=linear.design.not_finite if linear else (),
        problem=problem,
        seconds=time.perf_counter() - begin,
    )
    return References(constant, linear, result)


def _constant(task: Task, labels: np.ndarray, classes: int) -> np.ndarray:
    if task == "multiclass":
        return np.bincount(labels.astype(np.int64), minlength=classes) / len(labels)
    return np.array([labels.mean(dtype=np.float64)])


def sample(
    task: Task, features: Sequence[FeatureDescription], train: TransformedSplit, classes: int, seed: int
) -> np.ndarray:
    """Returns the ascending numbers of the train rows to fit on: all, or a sample with a row of each class."""
    width = sum(1 if f.kind == "id" else 0 if f.vocabulary else f.size for f in features)
    limit = min(MOST_ROWS, MOST_CELLS // max(width * classes, 1))
    if train.rows <= limit:
        return np.arange(train.rows)
    chosen = np.random.default_rng(seed).choice(train.rows, limit, replace=False)
    of_each = np.empty(0, np.int64) if task == "regression" else np.unique(train.labels, return_index=True)[1]
    return np.union1d(chosen, of_each)


def _fit(
    task: Task,
    features: Sequence[FeatureDescription],
    splits: tuple[TransformedSplit, TransformedSplit],
    rows: np.ndarray,
    classes: int,
) -> Linear:
    train, validation = splits
    width = sum(f.size for f in features)
    if width * classes > MOST_WEIGHTS:
        raise ValueError(f"{width:,} columns with {classes:,} classes are more than {MOST_WEIGHTS:,} weights")
    design = make_design(features, train.features, rows)
    matrix, labels = design.matrix(train.features, rows), train.labels[rows]
    solve = _ridge if task == "regression" else _logistic
    with _one_thread():
        if len(rows) >= ROWS_A_COLUMN * _used(matrix):
            return solve(design, matrix, labels, 1.0, classes)
        few = np.arange(min(validation.rows, MOST_CHOOSING_ROWS))
        held, truth = design.matrix(validation.features, few), validation.labels[few]
        fitted = [solve(design, matrix, labels, strength, classes) for strength in STRENGTHS]
        return min(fitted, key=lambda one: loss(task, one.scores(held), truth))


def solved_loss(
    task: Task, features: Sequence[FeatureDescription], split: TransformedSplit, classes: int
) -> float:
    """Returns the loss that the solver of the linear reference reaches on the rows that it is fitted on.

    Args:
        task: The task.
        features: The model's inputs.
        split: The rows, with at least two labels.
        classes: Number of classes of a multi-class label; 1 for other tasks.
    """
    rows = np.arange(split.rows)
    design = make_design(features, split.features, rows)
    matrix = design.matrix(split.features, rows)
    solve = _ridge if task == "regression" else _logistic
    with _one_thread():
        return loss(task, solve(design, matrix, split.labels, 1.0, classes).scores(matrix), split.labels)


def _used(matrix: Any) -> int:
    """Returns the number of columns with a value."""
    return int((matrix != 0).sum(axis=0).astype(bool).sum())


def _logistic(design: Design, matrix: Any, labels: np.ndarray, strength: float, classes: int) -> Linear:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=strength, tol=_TOLERANCE, max_iter=MOST_ITERATIONS)
    converged = _quiet_fit(model, matrix, labels.astype(np.int64))
    if classes == 1:
        return Linear(design, model.coef_.T, model.intercept_, converged, strength)
    if len(model.classes_) == 2:  # one score, that of the second class
        halves = np.concatenate([-model.coef_, model.coef_]) / 2
        shifts = np.concatenate([-model.intercept_, model.intercept_]) / 2
    else:
        halves, shifts = model.coef_, model.intercept_
    weights, bias = np.zeros((matrix.shape[1], classes)), np.full(classes, -1e9)
    weights[:, model.classes_], bias[model.classes_] = halves.T, shifts
    return Linear(design, weights, bias, converged, strength)


def _ridge(design: Design, matrix: Any, labels: np.ndarray, strength: float, classes: int) -> Linear:
    from scipy import sparse
    from sklearn.linear_model import Ridge

    truth: np.ndarray = labels.astype(np.float64)
    mean, deviation = truth.mean(), truth.std() or 1.0
    small = not sparse.issparse(matrix) or matrix.shape[0] * matrix.shape[1] <= _CHOLESKY_CELLS
    model = Ridge(
        alpha=1 / strength,
        solver="cholesky" if small else "sparse_cg",
        tol=_TOLERANCE,
        max_iter=None if small else MOST_ITERATIONS,
    )
    target = (truth - mean) / deviation
    exact = matrix.toarray() if small and sparse.issparse(matrix) else matrix
    converged = _quiet_fit(model, exact, target) and (small or _solved(model, matrix, target))
    weights = model.coef_.reshape(-1, 1) * deviation
    return Linear(design, weights, np.array([model.intercept_ * deviation + mean]), converged, strength)


def _solved(model: Any, matrix: Any, target: np.ndarray) -> bool:
    """Returns whether the gradient is a ten-thousandth of what it was at the start or less; ``sparse_cg`` does not say."""
    gradient = matrix.T @ (target - model.predict(matrix)) - model.alpha * model.coef_
    return float(np.linalg.norm(gradient)) <= 1e-4 * float(np.linalg.norm(matrix.T @ target))


def _quiet_fit(model: Any, matrix: Any, labels: np.ndarray) -> bool:
    """Fits and returns whether the solver converged, in place of its warning."""
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(matrix, labels)
    return not any(issubclass(one.category, ConvergenceWarning) for one in caught)


def loss(task: Task, scores: np.ndarray, labels: np.ndarray) -> float:
    """Returns the mean loss of ``[rows, outputs]`` logits or numbers: cross-entropy, or the squared error."""
    if task == "regression":
        return float(((scores[:, 0] - labels) ** 2).mean())
    if task == "binary":
        return float(np.logaddexp(0.0, np.where(labels > 0.5, -scores[:, 0], scores[:, 0])).mean())
    shifted = scores - scores.max(axis=1, keepdims=True)
    own = shifted[np.arange(len(labels)), labels.astype(np.int64)]
    return float((np.log(np.exp(shifted).sum(axis=1)) - own).mean())


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keeps BLAS and OpenMP to one thread: with several on a shared machine they wait for each other."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        yield

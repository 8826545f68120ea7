"""The references against scikit-learn on columns laid out by hand, and what is said where they cannot be fitted."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from components.trainer.references import fitting
from components.trainer.references.fitting import fit_references, sample

TOPICS = ("art", "food", "work")
FEATURES: Any = [
    SimpleNamespace(name="country", kind="id", size=4, vocabulary=("de", "fr")),
    SimpleNamespace(name="hour", kind="id", size=25, vocabulary=()),
    SimpleNamespace(name="minutes", kind="number", size=1, vocabulary=()),
    SimpleNamespace(name="pixels", kind="vector", size=2, vocabulary=()),
    SimpleNamespace(name="topics", kind="vector", size=3, vocabulary=TOPICS),
]


def make_split(rows: int, seed: int, task: str) -> Any:
    """Returns rows whose label depends on every feature; minutes are large, one pixel never varies."""
    rng = np.random.default_rng(seed)
    columns = {
        "country": rng.integers(0, 4, rows),
        "hour": rng.integers(0, 25, rows),
        "minutes": rng.lognormal(10, 1, rows).astype(np.float32),
        "pixels": np.stack([rng.normal(0.5, 0.01, rows), np.full(rows, 0.1)], axis=1).astype(np.float32),
        "topics": rng.integers(0, 2, (rows, 3)).astype(np.uint8),
    }
    score = (
        np.log(columns["minutes"])
        - 10
        + (columns["country"] == 2)
        + 100 * (columns["pixels"][:, 0] - 0.5)
        + columns["topics"] @ [1.0, -1.0, 0.0]
        + rng.logistic(size=rows)
    )
    labels = {
        "binary": (score > 0).astype(np.float32),
        "multiclass": np.digitize(score, [-1, 1]).astype(np.int64),
        "regression": (1000 + 50 * score).astype(np.float32),
    }[task]
    matrices = {
        "numbers": np.column_stack([columns["minutes"], columns["pixels"]]),
        "ids": np.column_stack([columns["country"], columns["hour"]]),
        "bags": columns["topics"],
    }
    return SimpleNamespace(features=matrices, labels=labels, rows=rows, without_label=0)


def by_hand(matrices: dict[str, Any], train: dict[str, Any]) -> Any:
    """Returns the dense matrix of the same columns, without the one that never varies."""
    numbers, like = (given["numbers"][:, :2].astype(np.float64) for given in (matrices, train))
    ids = [np.eye(4)[matrices["ids"][:, 0]], np.eye(25)[matrices["ids"][:, 1]]]
    return np.hstack([(numbers - like.mean(0)) / like.std(0), *ids, matrices["bags"].astype(np.float64)])


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_the_linear_reference_is_scikit_learns_logistic_regression(task: str) -> None:
    train, validation = make_split(2000, 0, task), make_split(500, 1, task)
    fitted = fit_references(task, FEATURES, (train, validation), 3 if task == "multiclass" else 1, seed=0)
    assert fitted.linear and fitted.result.converged and fitted.result.strength == 1.0

    model = LogisticRegression(tol=1e-8, max_iter=5000)
    model.fit(by_hand(train.features, train.features), train.labels.astype(int))
    wanted = model.decision_function(by_hand(validation.features, train.features))
    scores = fitted.linear.scores(fitted.linear.design.matrix(validation.features, np.arange(500)))
    np.testing.assert_allclose(
        scores[:, 0] if task == "binary" else scores - scores.mean(axis=1, keepdims=True),
        wanted if task == "binary" else wanted - wanted.mean(axis=1, keepdims=True),
        atol=1e-3,
    )


@pytest.mark.parametrize("cells", [10**9, 0], ids=["exact", "iterative"])
def test_the_linear_reference_of_a_number_is_ridge_in_the_labels_unit(
    cells: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitting, "_CHOLESKY_CELLS", cells)
    train, validation = make_split(2000, 0, "regression"), make_split(500, 1, "regression")
    fitted = fit_references("regression", FEATURES, (train, validation), 1, seed=0)
    assert fitted.linear and fitted.result.converged

    model = Ridge().fit(by_hand(train.features, train.features), train.labels.astype(np.float64))
    wanted = model.predict(by_hand(validation.features, train.features))
    scores = fitted.linear.scores(fitted.linear.design.matrix(validation.features, np.arange(500)))
    np.testing.assert_allclose(scores[:, 0], wanted, atol=1e-2)
    assert abs(wanted.mean() - 1000) < 100


def test_constants_are_the_prior_of_each_class_and_the_mean() -> None:
    for task, classes in (("binary", 1), ("multiclass", 3), ("regression", 1)):
        train = make_split(300, 0, task)
        fitted = fit_references(task, FEATURES, (train, train), classes, seed=0)
        wanted = np.eye(3)[train.labels].mean(axis=0) if task == "multiclass" else [train.labels.mean()]
        np.testing.assert_allclose(fitted.constant, wanted, rtol=1e-6)


def test_with_few_rows_for_each_column_validation_chooses_the_strength() -> None:
    rng = np.random.default_rng(0)
    features: Any = [SimpleNamespace(name="x", kind="vector", size=100, vocabulary=())]

    def split(rows: int, noise: float) -> Any:
        x = rng.normal(size=(rows, 100)).astype(np.float32)
        labels = (x[:, 0] + noise * rng.normal(size=rows)).astype(np.float32)
        return SimpleNamespace(features={"numbers": x}, labels=labels, rows=rows)

    noisy = fit_references("regression", features, (split(120, 3.0), split(400, 3.0)), 1, seed=0)
    clean = fit_references("regression", features, (split(120, 0.0), split(400, 0.0)), 1, seed=0)
    assert (noisy.result.strength, clean.result.strength) == (0.01, 100.0)


def test_values_that_are_not_finite_count_as_the_mean_and_unknown_ids_as_nothing() -> None:
    train = make_split(500, 0, "binary")
    train.features["numbers"][:3, 0] = [np.nan, np.inf, -np.inf]
    fitted = fit_references("binary", FEATURES, (train, train), 1, seed=0)
    assert fitted.linear and fitted.result.not_finite == ("minutes",)
    train.features["ids"][:2, 0] = [-1, 4]
    matrix = fitted.linear.design.matrix(train.features, np.arange(3)).toarray()
    assert (matrix[:, 0] == 0).all()
    assert matrix[:, 3:7].sum(axis=1).tolist() == [0, 0, 1]
    assert np.isfinite(fitted.linear.scores(matrix)).all()


def test_many_ids_are_never_made_dense(monkeypatch: pytest.MonkeyPatch) -> None:
    from scipy import sparse

    rng = np.random.default_rng(0)
    features: Any = [SimpleNamespace(name=f"id{i}", kind="id", size=20_000, vocabulary=()) for i in range(5)]
    ids = rng.integers(0, 20_000, (50_000, 5))
    labels = (ids[:, 0] % 2).astype(np.float32)
    split: Any = SimpleNamespace(features={"ids": ids}, labels=labels, rows=len(labels))
    monkeypatch.setattr(sparse.csr_matrix, "toarray", None)
    for task in ("binary", "regression"):
        fitted = fit_references(task, features, (split, split), 1, seed=0)  # type: ignore[arg-type]
        assert fitted.linear and fitted.result.columns == 100_000 and not fitted.result.problem


def test_a_large_split_is_sampled_the_same_way_each_time_with_a_row_of_each_class(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fitting, "MOST_ROWS", 100)
    train = make_split(5000, 0, "multiclass")
    train.labels[:] = 0
    train.labels[4000] = 1
    train.labels[4500] = 2
    rows = sample("multiclass", FEATURES, train, 3, seed=1)
    assert {4000, 4500} <= set(rows) and 100 <= len(rows) <= 103 and (np.diff(rows) > 0).all()
    np.testing.assert_array_equal(rows, sample("multiclass", FEATURES, train, 3, seed=1))
    fitted = fit_references("multiclass", FEATURES, (train, train), 3, seed=1)
    assert fitted.linear and fitted.result.rows == len(rows)
    np.testing.assert_allclose(fitted.constant, [4998 / 5000, 1 / 5000, 1 / 5000])


def test_a_solver_that_stops_too_early_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "MOST_ITERATIONS", 1)
    monkeypatch.setattr(fitting, "_CHOLESKY_CELLS", 0)
    for task in ("binary", "multiclass", "regression"):
        train = make_split(500, 0, task)
        fitted = fit_references(task, FEATURES, (train, train), 3 if task == "multiclass" else 1, seed=0)  # type: ignore[arg-type]
        assert fitted.linear and fitted.result.converged is False


def test_a_model_that_cannot_be_fitted_says_why() -> None:
    train = make_split(100, 0, "binary")
    train.labels[:] = 1
    fitted = fit_references("binary", FEATURES, (train, train), 1, seed=0)
    assert fitted.linear is None and "class" in fitted.result.problem
    assert fitted.constant.tolist() == [1.0]


def test_more_weights_than_memory_is_given_for_are_refused_with_their_number() -> None:
    features: Any = [SimpleNamespace(name="id", kind="id", size=100_000, vocabulary=())]
    columns = {"ids": np.arange(1000)[:, np.newaxis]}
    train: Any = SimpleNamespace(features=columns, labels=np.arange(1000) % 100, rows=1000)
    fitted = fit_references("multiclass", features, (train, train), 100, seed=0)
    assert fitted.linear is None and "100,000 columns with 100 classes" in fitted.result.problem
    assert len(fitted.constant) == 100


def test_wide_bags_are_made_sparse_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    from components.trainer.references import design

    train = make_split(500, 0, "binary")
    whole = fit_references("binary", FEATURES, (train, train), 1, seed=0)
    monkeypatch.setattr(design, "_BAG_CELLS", 21)
    pieces = fit_references("binary", FEATURES, (train, train), 1, seed=0)
    assert whole.linear and pieces.linear
    np.testing.assert_array_equal(whole.linear.weights, pieces.linear.weights)

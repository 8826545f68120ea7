"""The loss that a new document allows: equal models pass, as seeded simulation shows."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.project.gates import allowed_loss

REPEATS, AGREEMENT = 1000, 0.9


def scores(rows: int, strength: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, and the scores of two models that are equally good: most of their noise is the same."""
    draw = np.random.default_rng(rows)
    labels = draw.random((REPEATS, rows)) < 0.4
    labels[:, :2] = [True, False]
    shared, first, second = draw.normal(size=(3, REPEATS, rows))
    both = strength * labels + AGREEMENT**0.5 * shared
    return labels, both + (1 - AGREEMENT) ** 0.5 * first, both + (1 - AGREEMENT) ** 0.5 * second


def auc(labels: np.ndarray, values: np.ndarray) -> np.ndarray:
    ranks = values.argsort(1).argsort(1) + 1
    positives = labels.sum(1)
    return ((ranks * labels).sum(1) - positives * (positives + 1) / 2) / (
        positives * (labels.shape[1] - positives)
    )


@pytest.mark.parametrize("rows", [20, 36, 87, 300, 1000, 3000])
def test_equal_models_pass(rows: int) -> None:
    labels, one, other = scores(rows, 1.5)
    passes = {
        "binary": auc(labels, one) - auc(labels, other) <= allowed_loss(rows, "binary") + 1e-9,
        "multiclass": ((one > 0.75) == labels).mean(1) - ((other > 0.75) == labels).mean(1)
        <= allowed_loss(rows, "multiclass") + 1e-9,
        "regression": np.sqrt(((other - 1.5 * labels) ** 2).mean(1) / ((one - 1.5 * labels) ** 2).mean(1)) - 1
        <= allowed_loss(rows, "regression") + 1e-9,
    }
    assert {task: bool(passed.mean() >= 0.93) for task, passed in passes.items()} == dict.fromkeys(
        passes, True
    )


def test_many_rows_allow_what_matters() -> None:
    assert [allowed_loss(50_000, task) for task in ("binary", "multiclass", "regression")] == [
        0.01,
        0.01,
        0.03,
    ]

"""Intervals against known truth: the simulations of ``benchmarks/statistics/intervals.py``, kept small."""

from __future__ import annotations

import importlib.util
import math
import sys
from pathlib import Path

import numpy as np
import pytest

from components.evaluator import intervals, scores
from components.evaluator.intervals import Evidence
from components.evaluator.metrics import METRICS
from components.evaluator.values import SliceValues

SCRIPT = Path(__file__).resolve().parents[3] / "benchmarks" / "statistics" / "intervals.py"
REPEATS = 250


@pytest.fixture(scope="module")
def simulations():
    spec = importlib.util.spec_from_file_location("interval_simulations", SCRIPT)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


CASES = {
    "accuracy of users": lambda of: (100, 10, of.accuracy(100, 10, 0.5, 0.8)),
    "accuracy of 20 users": lambda of: (20, 50, of.accuracy(20, 50, 0.3, 0.8)),
    "accuracy near 1": lambda of: (100, 1, of.accuracy(100, 1, 0.0, 0.99)),
    "AUC of users": lambda of: (100, 10, of.area(100, 10, 0.5, 0.8, 0.3)),
    "AUC near 1": lambda of: (50, 1, of.area(50, 1, 0.0, 0.99, 0.4)),
    "calibration of users": lambda of: (100, 10, of.calibration(100, 10, 0.5, 0.3)),
    "calibration of few": lambda of: (200, 1, of.calibration(200, 1, 0.0, 0.1)),
    "difference of AUC of users": lambda of: (100, 10, of.difference("auc", 100, 10, 0.5)),
    "difference of accuracy on few rows": lambda of: (100, 1, of.same(100, 0.02)),
    "RMSE of users": lambda of: (
        100,
        10,
        of.error("", "rmse", 1.0, 100, 10, lambda rng: of._mixed(rng, 100, 10, 0.5)),
    ),
    "MSE of Laplace errors": lambda of: (
        200,
        1,
        of.error("", "mse", 2.0, 200, 1, lambda rng: rng.laplace(size=200)),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_95_of_100_intervals_hold_the_truth(name, simulations):
    users, rows, case = CASES[name](simulations)
    found = simulations.measure(case, users, rows, REPEATS)[1]
    # Within three standard errors of 93%: this few repetitions tell no more.
    assert found.held >= 0.93 - 3 * math.sqrt(0.93 * 0.07 / REPEATS)
    assert (found.flat, found.outside) == (0, 0)


def values(task, metrics, labels, predictions, groups=None):
    independent = groups is None
    groups = np.arange(len(labels)) if independent else groups
    sums = scores.GroupSums.of(scores.row_columns(task, labels, predictions, metrics), groups)
    ranked = (predictions, labels, groups) if scores.needs_order(metrics) else None
    return SliceValues(task, metrics, sums, ranked, independent)


def test_rows_of_one_user_tell_less_than_rows_of_many():
    rng = np.random.default_rng(0)
    labels = np.repeat(rng.random(40) < 0.5, 25).astype(float)
    predictions = np.repeat(rng.random(40), 25)
    widths = []
    for groups in (None, np.repeat(np.arange(40), 25)):
        found = values("binary", ["accuracy", "auc", "calibration"], labels, predictions, groups).values()
        widths.append([found[name].high - found[name].low for name in found])
    assert (np.array(widths[1]) > 3 * np.array(widths[0])).all()


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_no_interval_is_flat_or_reaches_out_of_the_metrics_range(task):
    rng = np.random.default_rng(1)
    names = [name for name, metric in METRICS.items() if task in metric.tasks]
    for rows in (10, 30, 100):
        labels = (rng.random(rows) < 0.5).astype(float)
        for predictions in (labels, np.clip(labels, 0.01, 0.99), rng.random(rows), 1 - labels):
            for name, found in values(task, names, labels, predictions).values().items():
                if math.isnan(found.low):
                    continue
                assert found.low < found.high, name
                assert found.low <= found.value <= found.high, name
                if METRICS[name].is_share:
                    assert 0 <= found.low < found.high <= 1, name
                if METRICS[name].kind in ("error", "root", "ratio"):
                    assert found.low >= 0, name


def test_a_class_is_measured_on_its_own_rows():
    rng = np.random.default_rng(5)
    p = rng.dirichlet(np.ones(3), 200)
    labels = np.where(rng.random(200) < 0.7, p.argmax(1), rng.integers(0, 3, 200))
    sums = scores.GroupSums.of(scores.row_columns("multiclass", labels, p, ["recall"]), np.arange(200))
    found = SliceValues("multiclass", ["recall"], sums, None, True, ["a", "b", "c"])
    assert found._evidence("recall[b]").trials == (labels == 1).sum()
    measured = found.values()
    for name in ("recall", "recall[a]", "recall[b]", "recall[c]"):
        assert 0 < measured[name].low < measured[name].value < measured[name].high < 1
    assert (
        measured["recall"].high - measured["recall"].low
        < measured["recall[a]"].high - measured["recall[a]"].low
    )


def test_all_right_is_an_interval_down_from_1():
    labels = np.tile([0.0, 1.0], 50)
    found = values("binary", ["accuracy", "auc", "recall", "f1"], labels, labels).values()
    assert (found["accuracy"].low, found["accuracy"].high) == (pytest.approx(0.025 ** (1 / 100)), 1.0)
    assert found["recall"].low == pytest.approx(0.025 ** (1 / 50))
    assert 0.85 < found["auc"].low < 0.99 and found["auc"].high == 1.0


def test_all_right_of_few_users_counts_users():
    labels = np.tile([0.0, 1.0], 500)
    found = values("binary", ["accuracy"], labels, labels, np.repeat(np.arange(20), 50)).values()
    assert found["accuracy"].low < 0.025 ** (1 / 20) + 1e-9


@pytest.mark.parametrize(
    ("kind", "evidence", "said"),
    [
        ("share", Evidence(9, 9), "9 rows, an interval needs 10"),
        ("error", Evidence(400, 6), "6 groups of rows, an interval needs 10"),
        ("area", Evidence(400, 400, 3, 397), "3 positives, an interval needs 5"),
        ("area", Evidence(400, 400, 396, 4), "4 negatives, an interval needs 5"),
        ("ratio", Evidence(400, 400, 2, 398), "2 positives, an interval needs 5"),
        ("share", Evidence(400, 400, 2, 398), ""),
        ("ratio", Evidence(400, 400), ""),
    ],
)
def test_too_few_rows_or_labels_give_no_interval_and_say_so(kind, evidence, said):
    assert intervals.too_few(kind, evidence) == said
    if said:
        samples = np.full(21, 0.5) + np.linspace(0, 0.01, 21)
        assert all(map(math.isnan, intervals.interval(kind, samples, evidence)))


def test_two_models_that_err_on_the_same_rows_may_still_differ():
    rng = np.random.default_rng(3)
    labels = (rng.random(100) < 0.5).astype(float)
    first, second = (
        values("binary", ["accuracy", "auc"], labels, np.clip(labels, low, 1 - low)) for low in (0.1, 0.2)
    )
    changes = first.changes_from(second, same=False)
    assert changes["accuracy"].low < 0 < changes["accuracy"].high
    assert changes["accuracy"].error == pytest.approx(0.01)
    assert changes["auc"].error > 0


def test_a_model_differs_in_nothing_from_itself():
    labels = np.tile([0.0, 1.0], 50)
    one = values("binary", ["accuracy"], labels, labels)
    change = one.changes_from(one, same=True)["accuracy"]
    assert (change.value, change.error, change.low, change.high, change.freedom) == (0, 0, 0, 0, 99)


def test_the_share_metrics_count_what_they_are_shares_of():
    labels, predictions = np.array([1.0, 1, 1, 0, 0, 0]), np.array([0.9, 0.8, 0.1, 0.7, 0.2, 0.1])
    found = values("binary", ["accuracy", "precision", "recall", "f1"], labels, predictions)
    trials = {name: found._evidence(name).trials for name in found.metrics}
    f1 = 4 / 6
    assert trials == pytest.approx({"accuracy": 6, "precision": 3, "recall": 3, "f1": 8 / (2 - f1) ** 2})

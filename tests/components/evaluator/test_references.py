"""The simple models beside a candidate: their metrics and the paired differences against a direct computation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from tests.components.evaluator.conftest import predict, rows_of, write_examples, write_model

pytestmark = pytest.mark.component

ROWS = 600
METRICS = {
    "binary": ["auc", "accuracy", "log_loss"],
    "multiclass": ["accuracy", "log_loss"],
    "regression": ["mae", "rmse"],
}


@pytest.fixture(scope="module")
def evaluated(data, evaluate, tmp_path_factory):
    """Runs Evaluator through Beam, next to a blessed model; task → its slices."""
    from components.evaluation_gate.measurements import read_evaluation

    root = tmp_path_factory.mktemp("evaluated")
    write_examples(root / "examples", rows_of(data))

    def run(task: str) -> Any:
        for name, slope in (("model", 2.0), ("baseline", 0.5)):
            write_model(root / task / name, task, slope)
        folder = evaluate(
            root / "examples", root / task / "model", task, baseline=root / task / "baseline", way="Beam",
            metrics=METRICS[task],
        )  # fmt: skip
        return read_evaluation(str(folder))

    return {task: run(task) for task in METRICS}


def by_row(task: str, data: dict[str, np.ndarray], slope: float, constant: bool) -> dict[str, Any]:
    """Returns metric → [rows] whose mean it is; the squared error for ``rmse``."""
    said = {name: np.asarray(value) for name, value in predict(data["x"], slope, constant).items()}
    if task == "binary":
        p, y = said["probability"], data["kept"]
        return {"accuracy": (p > 0.5) == y, "log_loss": -np.log(np.where(y, p, 1 - p)), "auc": p}
    if task == "multiclass":
        p, y = said["probabilities"], np.array([1, 2, 0])[data["kind"]]
        return {"accuracy": p.argmax(axis=1) == y, "log_loss": -np.log(p[np.arange(ROWS), y])}
    error = said["prediction"] - data["minutes"]
    return {"mae": np.abs(error), "rmse": error**2}


def directly(
    task: str, metric: str, data: dict[str, np.ndarray], slope: float, constant: bool, rows: Any
) -> float:
    values = by_row(task, data, slope, constant)[metric][rows]
    if metric == "auc":
        return float(roc_auc_score(data["kept"][rows], values))
    return float(np.sqrt(values.mean()) if metric == "rmse" else values.mean())


@pytest.mark.parametrize("task", METRICS)
def test_values_and_paired_differences_are_those_of_a_direct_computation(task, evaluated, data) -> None:
    where = {
        "overall": np.arange(ROWS),
        "country=de": np.flatnonzero(data["country"]),
        "country=fr": np.flatnonzero(1 - data["country"]),
    }
    assert {result.name for result in evaluated[task]} == set(where)
    for result in evaluated[task]:
        rows = where[result.name]
        for metric in METRICS[task]:
            own = directly(task, metric, data, 2.0, False, rows)
            assert result.candidate[metric].value == pytest.approx(own, abs=1e-5)
            for name, constant in (("linear", False), ("constant", True)):
                wanted = directly(task, metric, data, 1.0, constant, rows)
                assert result.references[name][metric].value == pytest.approx(wanted, abs=1e-5)
                assert result.gains[name][metric].value == pytest.approx(own - wanted, abs=1e-5)
        assert result.baseline and result.change


@pytest.mark.parametrize(
    ("task", "metric"), [("binary", "accuracy"), ("multiclass", "accuracy"), ("regression", "mae")]
)
def test_the_error_of_a_difference_is_that_of_the_differences_by_row(task, metric, evaluated, data) -> None:
    own, linear = (by_row(task, data, slope, False)[metric].astype(float) for slope in (2.0, 1.0))
    gain = evaluated[task][0].gains["linear"][metric]
    assert gain.freedom > 100
    assert gain.error == pytest.approx((own - linear).std(ddof=1) / np.sqrt(ROWS), rel=0.15)
    assert gain.low < gain.value < gain.high


def test_a_model_of_an_older_trainer_has_no_references(tmp_path) -> None:
    from components.evaluator.module import references_beside

    (tmp_path / "Format-Serving").mkdir()
    assert references_beside(str(tmp_path / "Format-Serving")) == []

"""Trials in processes side by side give what trials one by one give; a process that dies loses no trial."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from components.tuner.result import Trial
from tests.components.tuner.test_search import SPACE, search, summaries

pytestmark = pytest.mark.component

TOLERANCE = 1e-5
"""Largest difference of a metric: another number of threads, and other trials before it in its process."""


@pytest.fixture
def tune(
    learners: SimpleNamespace,
    small_graph: Callable[[str], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., SimpleNamespace]:
    """Runs the Tuner as on a machine with two cores."""
    monkeypatch.setattr("components.tuner.tuner_fn.cores", lambda: 2)
    return functools.partial(search, learners, small_graph("binary"), tmp_path)


def plain(trial: Trial) -> tuple[Any, ...]:
    return (trial.trial, trial.status, trial.epochs, trial.hyperparameters)


def test_side_by_side_and_one_by_one_find_the_same(tune, tmp_path: Path) -> None:
    settings = {"algorithm": "hyperband", "epochs": 3, "trials": 5, "search": SPACE}
    alone = tune(**settings)
    (file,) = (tmp_path / "searches").glob("*/trials.json")
    file.parent.rename(tmp_path / "alone")
    both = tune(**settings, side_by_side=2)
    assert [plain(trial) for trial in both.result.trials] == [plain(trial) for trial in alone.result.trials]
    for one, other in zip(alone.result.trials, both.result.trials, strict=True):
        assert other.metrics == pytest.approx(one.metrics, abs=TOLERANCE)
    assert (both.best, both.result.best, both.result.ended) == (
        alone.best,
        alone.result.best,
        alone.result.ended,
    )
    assert sorted(log.parent.name for log in file.parent.glob("workers/*/log")) == ["0", "1"]


def test_a_trial_whose_process_dies_is_fitted_again_and_at_the_second_time_ends_the_search(
    tune, tmp_path: Path
) -> None:
    own = tmp_path / "model.py"
    own.write_text(DIES, encoding="utf-8")
    settings = {
        "model": {"build_model": f"{own}:build_model"},
        "search": {"layers": [1, 2, 3]},
        "objective": "val_loss",
        "trials": 3,
        "side_by_side": 2,
    }
    from foundation.errors import NodeError

    with pytest.raises(
        NodeError, match=r"tuning: trial \d; .*ended twice, with exit code -9.*workers/\d/log"
    ):
        tune(**settings)
    own.with_name("enough").touch()  # from now on it lives
    found = tune(**settings | {"side_by_side": 1}).result
    assert [trial.status for trial in found.trials] == ["COMPLETED"] * 3
    assert len(summaries(tmp_path)) == 1


DIES = """
import keras, os, pathlib, signal

def build_model(features, hyperparameters):
    if hyperparameters["layers"] == 2 and not pathlib.Path(__file__).with_name("enough").exists():
        os.kill(os.getpid(), signal.SIGKILL)
    inputs = {f.name: keras.Input((f.size,) if f.kind == "vector" else (), name=f.name, dtype="int64" if f.kind == "id" else "float32") for f in features}
    hidden = keras.ops.stack([inputs[f.name] for f in features if f.kind == "number"], axis=1)
    for layer in range(hyperparameters["layers"]):
        hidden = keras.layers.Dense(2)(hidden)
    return keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(hidden))
"""

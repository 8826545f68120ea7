"""Compiled epochs against Keras's ``fit``: the same steps on the same rows, so the same model within rounding."""

from __future__ import annotations

import functools
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.components.trainer.conftest import packed

pytestmark = pytest.mark.component

TOLERANCE = 1e-5
"""Largest difference of a weight or, relative to its size, of a number of an epoch; rounding left 4e-7 and 1e-6."""
CASES: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "linear with class weights": ("binary", {"type": "linear", "l2": 0.001}, {"weighed": True}),
    "wide and deep with dropout": (
        "binary",
        {"type": "wide_and_deep", "dropout": 0.3},
        {"weight_decay": 0.01},
    ),
    "members": ("multiclass", {"type": "dense", "members": 3}, {}),
    "regression, a shorter last epoch": (
        "regression",
        {"type": "wide_and_deep"},
        {"epochs": None, "steps": 23},
    ),
    "stopped early": ("binary", {"type": "dense"}, {"learning_rate": 0.5, "epochs": 30, "patience": 2}),
}


def inputs() -> list[Any]:
    from components.trainer.features import FeatureDescription

    words = ("a", "b", "c")
    return [
        FeatureDescription("bag", "vector", 5, (*words, "d", "e")),
        FeatureDescription("c", "id", 4, words, 1),
        FeatureDescription("x", "number", 1),
        FeatureDescription("y", "number", 1),
    ]


def rows(task: str, count: int, seed: int) -> Any:
    from components.trainer.data import TransformedSplit

    drawn = np.random.default_rng(seed)
    features = {
        "x": drawn.normal(size=count).astype(np.float32),
        "y": drawn.normal(size=count).astype(np.float32),
        "c": drawn.integers(0, 4, count),
        "bag": (drawn.random((count, 5)) < 0.3).astype(np.uint8),
    }
    signal = features["x"] - (features["c"] == 1) + drawn.normal(size=count)
    labels = {
        "binary": (signal > 0).astype(np.float32),
        "regression": (100 * signal).astype(np.float32),
        "multiclass": np.clip(np.round(signal), -1, 1).astype(np.int64) + 1,
    }[task]
    return TransformedSplit(packed(inputs(), features), labels, 0)


def trained(
    task: str, model: dict[str, Any], train: dict[str, Any], by_keras: bool = False, **more: Any
) -> SimpleNamespace:
    from components.trainer.config import ModelConfigSlice, TrainConfig
    from components.trainer.fitting.seeds import seed_everything
    from components.trainer.fitting.traces import trace_key
    from components.trainer.fitting.training import compile_model, fit
    from components.trainer.models.build import build
    from components.trainer.models.scale import LabelScale

    weighed, patience, decay = (
        train.pop("weighed", False),
        train.pop("patience", None),
        train.pop("decay", 20),
    )
    splits = rows(task, 300, 1), rows(task, 70, 2)
    defaults = {"hidden": [6], "embedding": 2, "dropout": 0.0, "l2": 0.0, "members": 1}
    config = ModelConfigSlice.model_validate({**defaults, **model, "task": task})
    settings = TrainConfig.model_validate(
        {
            "epochs": 4,
            "steps": None,
            "batch_size": 64,
            "learning_rate": 0.02,
            "weight_decay": 0.0,
            "early_stopping": patience and {"patience": patience},
            **train,
        }
    )
    seed_everything(3)
    scale = LabelScale.of(splits[0].labels) if task == "regression" else None
    built = build(config, inputs(), 3 if task == "multiclass" else 1, {}, scale)
    compile_model(built, task, settings, decay, scale)
    if traces := more.pop("traces", None):
        more["share"] = functools.partial(traces.epochs, trace_key(config, settings, decay))
    weights = np.array([1.0, 3.0], np.float32) if weighed else None
    with pytest.MonkeyPatch.context() as patch:
        if by_keras:
            patch.setattr("components.trainer.fitting.training.can_be_compiled", lambda splits: False)
        history = fit(built, settings, splits, weights, more.pop("logs", None), **more)
    return SimpleNamespace(history=history, weights=[v.numpy() for v in built.variables])


@pytest.mark.parametrize("case", CASES)
def test_the_result_is_that_of_fit(case: str) -> None:
    task, model, train = CASES[case]
    ours, keras = (trained(task, dict(model), dict(train), by_keras) for by_keras in (False, True))
    assert (ours.history.way, keras.history.way) == ("compiled", "fit")
    assert len(ours.history.epochs) == len(keras.history.epochs)
    assert ours.history.best_epoch == keras.history.best_epoch
    assert ours.history.stopped_early == keras.history.stopped_early == (case == "stopped early")
    for one, other in zip(ours.history.epochs, keras.history.epochs, strict=True):
        assert one.keys() == other.keys()
        for name in one.keys() - {"seconds"}:
            assert one[name] == pytest.approx(other[name], rel=TOLERANCE, abs=TOLERANCE), name
    for one, other in zip(ours.weights, keras.weights, strict=True):
        np.testing.assert_allclose(one, other, atol=TOLERANCE)


def test_a_step_is_traced_once_however_many_epochs_run(monkeypatch: pytest.MonkeyPatch) -> None:
    import keras

    steps: list[str] = []
    for name in ("train_step", "test_step"):
        original = getattr(keras.Model, name)

        def counted(self: Any, data: Any, name: str = name, original: Any = original) -> Any:
            steps.append(name)
            return original(self, data)

        monkeypatch.setattr(keras.Model, name, counted)
    trained("binary", {"type": "linear"}, {"epochs": None, "steps": 23})
    assert sorted(steps) == ["test_step", "train_step"]


def test_time_that_is_over_ends_it_within_an_epoch() -> None:
    asked: list[int] = []
    done = trained(
        "binary",
        {"type": "linear"},
        {"epochs": 50},
        over=lambda: len(asked) > 2 or bool(asked.append(1)),
    )
    assert done.history.ended_by_time
    assert len(done.history.epochs) < 50
    assert "val_loss" in done.history.epochs[-1]


def test_a_loss_that_is_no_number_is_an_error() -> None:
    from foundation.errors import DataError

    with pytest.raises(DataError, match="a loss that is a number"):
        trained("regression", {"type": "dense"}, {"learning_rate": 1e30})


def test_tensorboard_has_every_epoch(tmp_path: Any) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    trained("binary", {"type": "linear"}, {}, logs=tmp_path)
    events = EventAccumulator(str(tmp_path / "validation"), size_guidance={"tensors": 0}).Reload()
    assert [e.step for e in events.Tensors("epoch_loss")] == [0, 1, 2, 3]


@pytest.mark.parametrize("largest", [0, 10**9], ids=["many threads", "one thread"])
def test_threads_change_nothing(largest: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from components.trainer.fitting import compiled

    alone = trained("binary", {"type": "dense", "dropout": 0.2}, {}).history.epochs
    monkeypatch.setattr(compiled, "SMALL", largest)
    other = trained("binary", {"type": "dense", "dropout": 0.2}, {}).history.epochs
    for one, two in zip(alone, other, strict=True):
        assert {**one, "seconds": 0} == pytest.approx({**two, "seconds": 0}, rel=TOLERANCE)

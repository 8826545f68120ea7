"""Trainings that share a trace: the numbers of each are those of a training of its own, and nothing is traced twice."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from tests.components.trainer.test_compiled import trained

pytestmark = pytest.mark.component

TOLERANCE = 1e-5
"""Largest difference of a number of an epoch, relative to its size: a constant is folded, a variable is not."""

SERIES: dict[str, tuple[str, dict[str, Any], list[tuple[dict[str, Any], dict[str, Any]]]]] = {
    "learning rate and rows of a step": (
        "binary",
        {"type": "linear"},
        [({}, {"learning_rate": 0.02}), ({}, {"learning_rate": 0.3, "batch_size": 32}), ({}, {"learning_rate": 0.02})],
    ),
    "penalties": (
        "binary",
        {"type": "wide_and_deep"},
        [({"l2": 0.001}, {"weight_decay": 0.1}), ({"l2": 0.1}, {"weight_decay": 0.5}), ({"l2": 0.01}, {"weight_decay": 0.001})],
    ),
    "dropout": ("multiclass", {"type": "dense", "hidden": [6, 4]}, [({"dropout": 0.1}, {}), ({"dropout": 0.6}, {}), ({"dropout": 0.1}, {})]),
    "members, after one that failed": (
        "regression",
        {"type": "dense", "members": 3, "l2": 0.01},
        [({}, {"learning_rate": 0.1}), ({}, {"learning_rate": 1e30}), ({"l2": 0.1}, {"learning_rate": 0.01})],
    ),
}  # fmt: skip


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The steps that were traced."""
    import keras

    found: list[str] = []
    original = keras.Model.train_step

    def counted(self: Any, data: Any) -> Any:
        found.append("train_step")
        return original(self, data)

    monkeypatch.setattr(keras.Model, "train_step", counted)
    return found


def epochs_of(task: str, model: dict[str, Any], train: dict[str, Any], **more: Any) -> list[dict[str, float]]:
    from foundation.errors import DataError

    try:
        done: SimpleNamespace = trained(task, dict(model), {"decay": None, **train}, **more)
    except DataError as error:
        return [{"failed": len(str(error))}]
    return [
        {name: value for name, value in epoch.items() if name != "seconds"} for epoch in done.history.epochs
    ]


@pytest.mark.parametrize("series", SERIES)
def test_each_training_is_as_if_it_were_alone(series: str, steps: list[str]) -> None:
    from components.trainer.fitting.traces import Traces

    task, common, settings = SERIES[series]
    traces, shared = Traces(), []
    for model, train in settings:
        shared.append(epochs_of(task, {**common, **model}, train, traces=traces))
    assert steps == ["train_step"]
    for (model, train), found in zip(settings, shared, strict=True):
        alone = epochs_of(task, {**common, **model}, train)
        assert len(found) == len(alone)
        for one, other in zip(found, alone, strict=True):
            assert one == pytest.approx(other, rel=TOLERANCE, abs=TOLERANCE)
    assert shared[0] != shared[1]


def test_what_decides_over_operations_is_traced_anew(steps: list[str]) -> None:
    from components.trainer.fitting.traces import MOST, Traces

    traces = Traces()
    changes: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({}, {}),
        ({"hidden": [7]}, {}),
        ({"l2": 0.1}, {}),
        ({}, {"weight_decay": 0.1}),
        ({}, {"decay": 20}),
        ({}, {"decay": 20, "learning_rate": 0.1}),
    ]
    for model, train in changes:
        epochs_of("binary", {"type": "dense", **model}, {"epochs": 1, **train}, traces=traces)
    assert len(steps) == len(changes)
    assert len(traces._kept) == MOST


def test_a_number_that_a_type_does_not_declare_is_traced_anew(
    steps: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from components.trainer.fitting.traces import Traces
    from components.trainer.models import MODEL_TYPES

    monkeypatch.setitem(MODEL_TYPES, "dense", replace(MODEL_TYPES["dense"], numbers=("l2",)))
    traces = Traces()
    for dropout in (0.1, 0.6):
        epochs_of("binary", {"type": "dense", "dropout": dropout}, {"epochs": 1}, traces=traces)
    assert len(steps) == 2

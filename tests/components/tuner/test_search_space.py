"""The objective and its direction; no TensorFlow."""

from __future__ import annotations

from typing import Any

import pytest

from components.trainer.metrics import TRAINING_METRICS
from components.tuner.config import TuneConfig, check_objective, direction_of, objective_fault
from foundation.errors import SpecError


@pytest.mark.parametrize(
    ("objective", "direction"),
    [("val_loss", "min"), ("val_auc", "max"), ("val_rmse", "min"), ("val_top_3_accuracy", "max")],
)
def test_direction(objective: str, direction: str) -> None:
    assert direction_of(objective) == direction


def tune(**changes: Any) -> TuneConfig:
    return TuneConfig.model_validate(changes)


def test_unknown_objective_names_the_near_miss() -> None:
    with pytest.raises(SpecError, match="did you mean 'val_auc'"):
        check_objective(tune(objective="val_acu"), "binary", own_model=False)


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("task", list(TRAINING_METRICS))
def test_every_metric_of_training_can_be_an_objective(task: str, own: bool) -> None:
    for name in ("loss", *TRAINING_METRICS[task]):
        assert objective_fault(tune(objective=f"val_{name}"), task, own) is None


@pytest.mark.parametrize(
    ("written", "own", "key", "words"),
    [
        ({"objective": "val_f1"}, False, "objective", "does not compute 'val_f1'"),
        ({"objective": "val_f1", "direction": "max"}, False, "objective", "does not compute 'val_f1'"),
        ({"objective": "val_f1"}, True, "objective", "add tune.direction: max (or min)"),
        ({"objective": "val_acu"}, True, "objective", "did you mean 'val_auc'?"),
        ({"objective": "f1", "direction": "max"}, True, "objective", "write 'val_f1'"),
        (
            {"objective": "val_", "direction": "max"},
            True,
            "objective",
            "not measured on the validation split",
        ),
        ({"objective": "val_auc", "direction": "min"}, True, "direction", "better the higher it is"),
        ({"objective": "val_loss", "direction": "max"}, False, "direction", "better the lower it is"),
    ],
)
def test_objectives_that_nothing_tracks(written: Any, own: bool, key: str, words: str) -> None:
    fault = objective_fault(tune(**written), "binary", own)
    assert fault is not None
    assert fault[0] == key
    assert words in f"{fault[1]} {fault[2]}"


def test_a_metric_of_an_own_model_has_the_written_direction() -> None:
    written = tune(objective="val_cost", direction="min")
    assert objective_fault(written, "binary", own_model=True) is None
    assert written.goal == "min"
    assert tune(objective="val_auc").goal == "max"


def test_search_values_are_lists_or_ranges() -> None:
    search = TuneConfig.model_validate({"search": {"dropout": [0.0, 0.5], "l2": {"min": 0, "max": 1}}}).search
    assert search["dropout"].choice == [0.0, 0.5]
    assert (search["l2"].min, search["l2"].max) == (0, 1)

"""Settings and schedule of a training run; no TensorFlow."""

from __future__ import annotations

import pytest

from components.trainer.config import ModelConfigSlice, TrainConfig
from components.trainer.schedule import Schedule, plan_schedule, steps_an_execution
from components.trainer.settings import TrainingSettings
from foundation.errors import SpecError

SETTINGS = TrainingSettings(ModelConfigSlice(), TrainConfig(), "y")


@pytest.mark.parametrize(
    ("train", "rows", "expected"),
    [
        ({"steps": 1000, "batch_size": 40}, 10_500, (100, 10)),
        ({"steps": 1000, "batch_size": 40}, 1_700, (40, 25)),
        ({"epochs": 3, "batch_size": 100}, 250, (3, 3)),
        ({"steps": 7, "batch_size": 10}, 1000, (1, 7)),
        ({"batch_size": 10}, 100, (10, 10)),
        ({"steps": 100, "steps_per_epoch": 30}, 100, (30, 3)),
    ],
    ids=["tenth", "one pass, a divisor", "epochs", "few steps", "default", "told"],
)
def test_schedule(train: dict[str, int], rows: int, expected: tuple[int, int]) -> None:
    assert plan_schedule(TrainConfig.model_validate(train), rows) == Schedule(*expected)


@pytest.mark.parametrize(("steps", "expected"), [(100, 100), (1000, 500), (997, 1), (1, 1)])
def test_an_execution_never_crosses_the_end_of_an_epoch(steps: int, expected: int) -> None:
    assert steps_an_execution(steps) == expected


def test_hyperparameters_go_to_their_slice_and_lists_are_parsed() -> None:
    chosen = SETTINGS.with_hyperparameters({"hidden": "[8, 4]", "learning_rate": 0.1, "tuner/epochs": 3})
    assert chosen.model.hidden == [8, 4]
    assert chosen.train.learning_rate == 0.1


def test_unknown_hyperparameter_is_refused_with_its_near_miss() -> None:
    with pytest.raises(SpecError, match="did you mean 'dropout'"):
        SETTINGS.with_hyperparameters({"droput": 0.1})


def test_unknown_hyperparameter_goes_to_a_users_own_model() -> None:
    own = TrainingSettings(ModelConfigSlice(build_model="m.py:build"), TrainConfig(), "y")
    assert own.with_hyperparameters({"depth": 3}).own == {"depth": 3}


def test_value_that_does_not_fit_is_refused() -> None:
    with pytest.raises(SpecError, match="values accepted by model and train"):
        SETTINGS.with_hyperparameters({"dropout": 2.0})

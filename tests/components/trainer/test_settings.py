"""Settings and schedule of a training run; no TensorFlow."""

from __future__ import annotations

import pytest

from components.trainer.config import ModelConfigSlice, TrainConfig
from components.trainer.fitting.schedule import Schedule, plan_schedule, steps_an_execution, still_improving
from components.trainer.settings import TrainingSettings
from foundation.errors import SpecError

SETTINGS = TrainingSettings(ModelConfigSlice(), TrainConfig(), "y")


@pytest.mark.parametrize(
    ("train", "rows", "expected"),
    [
        ({"steps": 1000, "batch_size": 40}, 10_500, (100, 10, 1000)),
        ({"steps": 1000, "batch_size": 40}, 1_700, (40, 25, 1000)),
        ({"epochs": 3, "batch_size": 100}, 250, (3, 3, 9)),
        ({"steps": 7, "batch_size": 10}, 1000, (1, 7, 7)),
        ({"steps": 997, "batch_size": 10}, 1000, (99, 11, 997)),
        ({"steps": 100, "steps_per_epoch": 30, "batch_size": 256}, 100, (30, 4, 100)),
        ({"steps": 20, "steps_per_epoch": 30, "batch_size": 256}, 100, (20, 1, 20)),
    ],
    ids=[
        "tenth",
        "one pass, a divisor",
        "epochs",
        "few steps",
        "a prime",
        "told",
        "told more than there are",
    ],
)
def test_schedule(train: dict[str, int], rows: int, expected: tuple[int, int, int]) -> None:
    planned = plan_schedule(TrainConfig.model_validate(train), rows)
    assert planned == Schedule(*expected)
    assert planned.done(planned.epochs) == expected[2]


@pytest.mark.parametrize("steps", [1, 7, 60, 997, 1000, 1234])
@pytest.mark.parametrize("told", [None, 30])
@pytest.mark.parametrize("rows", [90, 10_000])
def test_epochs_add_up_to_the_steps_of_the_document(steps: int, told: int | None, rows: int) -> None:
    train = TrainConfig(steps=steps, steps_per_epoch=told, batch_size=32)
    planned = plan_schedule(train, rows)
    assert planned.total == steps
    assert planned.steps_per_epoch * (planned.epochs - 1) < steps <= planned.steps_per_epoch * planned.epochs
    for end in (planned.steps_per_epoch, planned.total):
        assert end % steps_an_execution(planned) == 0


@pytest.mark.parametrize(
    ("planned", "expected"),
    [((100, 3), 100), ((1000, 2), 500), ((997, 2), 1), ((1, 1), 1), ((30, 4, 100), 10)],
)
def test_an_execution_never_crosses_the_end_of_an_epoch(planned: tuple[int, ...], expected: int) -> None:
    assert steps_an_execution(Schedule(*planned)) == expected


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


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        ([0.9, 0.8, 0.7], True),
        ([0.9, 0.6, 0.7], False),
        ([0.9, 0.70001, 0.7], False),
        ([0.5] * 10 + [0.4] * 9 + [0.39], True),
        ([0.7], False),
        ([], False),
    ],
    ids=["falls", "rises", "level", "falls late", "one epoch", "none"],
)
def test_a_training_is_still_improving_if_its_loss_falls_at_the_end(
    losses: list[float], expected: bool
) -> None:
    assert still_improving(losses) is expected

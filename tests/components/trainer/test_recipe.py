"""What a document leaves open, and how the end of a training is told; no TensorFlow."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from components.trainer.config import ModelConfigSlice, TrainConfig
from components.trainer.fitting.schedule import Schedule, plan_schedule
from components.trainer.recipe import Size
from components.trainer.result import TrainingHistory
from components.trainer.settings import TrainingSettings

SMALL, LARGE = Size(rows=120, inputs=10, ids=0), Size(rows=8_400, inputs=300, ids=100)


def chosen_for(size: Size, model: Any = None, train: Any = None) -> TrainingSettings:
    model, train = ModelConfigSlice.model_validate(model or {}), TrainConfig.model_validate(train or {})
    return TrainingSettings(model, train, "y").for_table(size)


def test_values_of_the_document_are_never_changed() -> None:
    model = {"hidden": [5], "members": 2, "dropout": 0.3, "l2": 0.5, "embedding": 3}
    train = {"steps": 70, "steps_per_epoch": 7, "batch_size": 9, "learning_rate": 0.5, "weight_decay": 0.1}
    settings = chosen_for(SMALL, model, {**train, "early_stopping": {"patience": 2}})
    assert not settings.chosen
    assert settings.model.model_dump(include=set(model)) == model
    assert settings.train.model_dump(include=set(train)) == train
    assert not settings.decays


def test_a_small_table_gets_steps_enough_and_a_large_one_large_batches() -> None:
    small, large = chosen_for(SMALL), chosen_for(LARGE)
    assert (small.model.members, large.model.members) == (8, 1)
    assert (small.train.batch_size, large.train.batch_size) == (32, 256)
    for settings, size in ((small, SMALL), (large, LARGE)):
        assert plan_schedule(settings.train, size.rows).total >= 1_000
        assert settings.decays


def test_fewer_rows_are_regularised_more() -> None:
    few, more, many = (chosen_for(Size(rows, 10, 0)) for rows in (499, 500, 2_000))
    assert few.model.dropout and more.model.dropout and few.model.dropout > more.model.dropout
    assert (few.model.l2, more.model.l2) == (0.01, 0.0)
    assert [one.model.members for one in (few, more, many)] == [8, 8, 1]
    assert [one.train.weight_decay for one in (few, more, many)] == [0.0, 0.02, 0.02]


@pytest.mark.parametrize("rows", [1, 2, 31, 33, 1_999, 2_000, 60_000, 5_000_000])
def test_every_number_of_rows_has_a_schedule(rows: int) -> None:
    settings = chosen_for(Size(rows, 5, 0))
    planned = plan_schedule(settings.train, rows)
    assert planned.total == settings.train.steps
    assert planned.epochs >= 8


def test_layers_of_the_document_are_one_network_of_these_layers() -> None:
    model = chosen_for(SMALL, {"hidden": [64, 32]}).model
    assert (model.hidden, model.members, model.dropout) == ([64, 32], 1, 0.0)


def test_many_ids_are_embedded_and_few_are_one_hot() -> None:
    assert chosen_for(Size(500, 900, 800)).model.embedding == 8
    assert chosen_for(Size(500, 90, 80)).model.embedding is None


def test_size_counts_ids_and_the_width_of_the_input() -> None:
    features: Any = [
        SimpleNamespace(kind="number", size=1, vocabulary=()),
        SimpleNamespace(kind="id", size=7, vocabulary=()),
        SimpleNamespace(kind="vector", size=4, vocabulary=("a",)),
        SimpleNamespace(kind="vector", size=2, vocabulary=()),
    ]
    assert Size.of(30, features) == Size(30, 14, 11)


def test_epochs_without_patience_keep_theirs_and_null_never_stops() -> None:
    stopping = chosen_for(SMALL, train={"epochs": 10}).train.early_stopping
    assert stopping and stopping.patience == 3
    assert chosen_for(SMALL, train={"early_stopping": None}).train.early_stopping is None


def test_a_users_own_model_is_told_values_and_keeps_its_rate() -> None:
    settings = chosen_for(SMALL, "model.py:build")
    assert settings.model.hidden == [64, 32]
    assert settings.train.learning_rate == 0.001
    assert settings.train.weight_decay == 0
    assert not settings.decays


def told(epochs: int, **changes: Any) -> str:
    train = {"early_stopping": {"patience": 3}}
    given = {"schedule": Schedule(100, 10, 1000), "train": train, **changes}
    return TrainingHistory(epochs=tuple({"epoch": n + 1} for n in range(epochs)), **given).sentence


def test_the_end_of_a_training_is_told() -> None:
    early = told(5, stopped_early=True, best_epoch=2)
    assert early.startswith("ended early at 500 of 1,000 steps: val_loss had not improved for 3")
    assert "step 200" in early
    assert told(10, still_improving=True) == (
        "1,000 steps: val_loss was still improving at the last step; more steps may help"
    )
    assert told(10) == "1,000 steps"


def test_what_was_chosen_is_told() -> None:
    said = told(10, rows={"train": 1_234}, chosen={"model.members": 8, "train.learning_rate": 0.002})
    assert said.endswith(". Chosen for 1,234 rows: members 8, learning_rate 0.002")


def test_a_history_of_an_earlier_version_is_told() -> None:
    assert told(5, schedule=Schedule(100, 10), stopped_early=True).startswith("ended early at 500 of 1,000")

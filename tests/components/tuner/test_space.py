"""Which settings are distinct, how many there are, which are left; limits of the schedule; no TensorFlow."""

from __future__ import annotations

import itertools
import json
import random
from typing import Any

import pytest
from pydantic import ValidationError

from components.trainer.config import ModelConfigSlice
from components.tuner.config import RangeConfig, TuneConfig
from components.tuner.space import Space, hyperband_trials


def space(search: dict[str, Any], **model: Any) -> Space:
    written = {name: RangeConfig.model_validate(one) for name, one in search.items()}
    return Space.of(written, ModelConfigSlice.model_validate(model))


OWN = {"build_model": "model.py:build"}


@pytest.mark.parametrize(
    ("search", "model", "size"),
    [
        ({"hidden": [[1], [2], [3]]}, {}, 3),
        ({"hidden": [[1], [2], [3]], "embedding": {"min": 1, "max": 4}}, {}, 12),
        ({"embedding": {"min": 1, "max": 40, "log": True}}, {}, 40),
        ({"learning_rate": {"min": 1e-4, "max": 1e-2}}, {}, None),
        ({"batch_size": {"min": 32.0, "max": 34.0}}, {}, 3),
        ({"layers": {"min": 1, "max": 4}}, OWN, 4),
        ({"layers": {"min": 1.0, "max": 4.0}}, OWN, None),
        ({"layers": {"min": 1, "max": 4, "type": "float"}}, OWN, None),
        ({"layers": {"min": 1.0, "max": 4.0, "type": "int"}}, OWN, 4),
        ({"flag": [True, False], "kind": ["a", "b"]}, OWN, 4),
        # A linear model has no hidden layers, so they make no difference to it.
        ({"type": ["linear", "dense"], "hidden": [[1], [2]]}, {}, 3),
        ({"type": ["linear", "dense"], "hidden": [[1], [2]], "l2": {"min": 0, "max": 1}}, {}, None),
        ({"hidden": [[1], [2]], "batch_size": [32, 64]}, {"type": "linear"}, 2),
    ],
)
def test_size_counts_distinct_settings(search: Any, model: Any, size: int | None) -> None:
    assert space(search, **model).size == size


@pytest.mark.parametrize("seed", range(5))
def test_untried_and_tried_settings_make_up_the_space(seed: int) -> None:
    chance = random.Random(seed)
    found = space(
        {"type": ["linear", "dense"], "hidden": [[1], [2], [3]], "batch_size": {"min": 1, "max": 5}}
    )
    everything = [
        json.dumps(found.distinct(dict(zip(found.search, row, strict=True))), sort_keys=True)
        for row in itertools.product(["linear", "dense"], ["[1]", "[2]", "[3]"], range(1, 6))
    ]
    tried = set(chance.sample(sorted(set(everything)), 7))

    def key(values: dict[str, Any]) -> str:
        return json.dumps(found.distinct(values), sort_keys=True)

    left = found.untried(lambda values: key(values) in tried, chance)
    assert len(left) + len(tried) == len(set(everything)) == found.size
    assert {key(values) for values in left} | tried == set(everything)


def test_an_endless_space_has_untried_settings_within_its_bounds() -> None:
    found = space(
        {"learning_rate": {"min": 1e-4, "max": 1e-2, "log": True}, "embedding": {"min": 1, "max": 3}}
    )
    left = found.untried(lambda values: False, random.Random(3))
    assert all(1e-4 <= one["learning_rate"] <= 1e-2 and one["embedding"] in (1, 2, 3) for one in left)
    assert len({one["learning_rate"] for one in left}) == len(left) > 100


@pytest.mark.parametrize(("epochs", "trials"), [(1, 1), (2, 2), (3, 6), (9, 23), (27, 70), (81, 211)])
def test_trials_of_hyperbands_schedule(epochs: int, trials: int) -> None:
    assert hyperband_trials(epochs) == trials


@pytest.mark.parametrize(
    ("written", "wrong"),
    [
        ([], "nothing to choose from"),
        ({"choice": []}, "nothing to choose from"),
        ([1, 1], "listed twice"),
        ([1, 1.0], "listed twice"),
        ([[32], [32]], "listed twice"),
        (["a", 1], "several kinds"),
        ([True, 1], "several kinds"),
        ([[3], 3], "several kinds"),
        (["[3]"], "read as a list"),
        ([float("nan")], "finite"),
        ({"min": 0, "max": 1, "log": True}, "must start above 0"),
        ({"min": -1.5, "max": 1, "log": True}, "must start above 0"),
        ({"min": 3, "max": 1}, "min must be less than max"),
        ({"min": 1, "max": 1}, "min must be less than max"),
        ({"min": float("nan"), "max": 1}, "finite"),
        ({"min": 0, "max": float("inf")}, "finite"),
        ({"min": True, "max": 4}, "must be numbers"),
        ({"min": 0.5, "max": 4, "type": "int"}, "whole bounds"),
        ({"min": 0}, "give a list of choices, or min and max"),
        ({"choice": [1, 2], "min": 0}, "has no min, max, log or type"),
        ({"choice": [1, 2], "log": True}, "has no min, max, log or type"),
        ({"min": 0, "max": 4, "step": 0}, "Extra inputs are not permitted"),
    ],
)
def test_values_that_cannot_be_tried_are_refused(written: Any, wrong: str) -> None:
    with pytest.raises(ValidationError, match=wrong):
        TuneConfig.model_validate({"search": {"own": written}})


@pytest.mark.parametrize("units", [0, -3])
def test_layers_have_units(units: int) -> None:
    with pytest.raises(ValidationError, match="greater than or equal to 1"):
        ModelConfigSlice(hidden=[64, units])


def test_hyperband_has_no_number_of_trials_but_a_written_one() -> None:
    read = TuneConfig.model_validate
    assert read({"algorithm": "hyperband"}).trials is None
    assert read({"algorithm": "hyperband", "trials": 30}).trials == 30
    assert read({}).trials == 10
    for written in ({"algorithm": "hyperband"}, {"trials": None, "minutes": 3}, {"trials": 7}):
        assert read(read(written).model_dump(mode="json")) == read(written)

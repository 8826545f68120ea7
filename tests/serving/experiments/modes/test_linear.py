"""The contextual bandit learns what depends on the context, and its probabilities are what they are said to be."""

import json
import math
from typing import Any

import numpy as np
import pytest

from serving.experiments.modes.config import ModeConfig
from serving.experiments.modes.linear import Linear
from serving.experiments.modes.mode import ArmRewards, interval_rng

ARMS = [ArmRewards("old"), ArmRewards("new"), ArmRewards("far")]
CONTEXTS = [[-2.0], [-0.5], [0.0], [0.7], [3.0], [None], [1e30]]


def taught(rows: int = 2000, **settings: Any) -> Linear:
    """Returns a mode that has seen an arm that is better for large x, and has frozen that."""
    config = ModeConfig.model_validate({"type": "linear", "features": ["x"], "step": "25%", **settings})
    mode, rng = Linear(config, "old", binary=True), np.random.default_rng(3)
    mode.allocate(ARMS, [0.6, 0.2, 0.2], interval_rng(0, 0))
    for at in range(rows):
        x, arm = 1000 + 5 * rng.standard_normal(), ("old", "new", "far")[at % 3]
        rate = {"old": 0.4, "new": 0.4 + 0.3 * np.sign(x - 1000), "far": 0.1}[arm]
        mode.learn(arm, mode.context({"x": x}), float(rng.random() < rate))
    for interval in range(1, 7):
        mode.allocate(ARMS, [0.6, 0.2, 0.2], interval_rng(0, interval))
    return mode


@pytest.mark.parametrize("policy", ["thompson", "ucb"])
def test_the_share_goes_to_the_arm_that_is_best_for_the_context(policy: str) -> None:
    mode = taught(policy=policy)
    assert mode.probabilities([1010.0])[1] > 0.8
    assert mode.probabilities([990.0])[0] > 0.8
    assert mode.probabilities([990.0])[1] == pytest.approx(0.05, abs=0.01)


@pytest.mark.parametrize("policy", ["thompson", "ucb"])
def test_for_no_context_does_a_share_move_by_more_than_the_step(policy: str) -> None:
    config = ModeConfig.model_validate({"type": "linear", "features": ["x"], "step": "15%", "policy": policy})
    mode, rng = Linear(config, "old", binary=False), np.random.default_rng(5)
    mode.allocate(ARMS, [0.8, 0.1, 0.1], interval_rng(0, 0))
    before = [mode.probabilities(context) for context in CONTEXTS]
    for interval in range(1, 12):
        for arm in ("old", "new", "far"):
            for _ in range(20):  # what is good changes all the time
                mode.learn(arm, [float(rng.standard_normal())], float(rng.standard_normal() * 10**interval))
        mode.allocate(ARMS, [0.8, 0.1, 0.1], interval_rng(0, interval))
        after = [mode.probabilities(context) for context in CONTEXTS]
        for old, new in zip(before, after, strict=True):
            assert max(abs(a - b) for a, b in zip(old, new, strict=True)) <= 0.15 + 1e-9
            assert math.fsum(new) == pytest.approx(1)
            assert min(new) >= 0.05 - 1e-9
            assert new[0] >= 0.1 - 1e-9
        before = after


def test_probabilities_are_frozen_until_the_next_interval() -> None:
    mode = taught()
    before = mode.probabilities([1001.0])
    for _ in range(500):
        mode.learn("far", [1001.0], 1.0)
    assert mode.probabilities([1001.0]) == before
    mode.allocate(ARMS, [0.6, 0.2, 0.2], interval_rng(0, 9))
    assert mode.probabilities([1001.0])[2] > before[2]


def test_a_restored_mode_has_the_same_probabilities_to_the_last_digit() -> None:
    mode = taught()
    again = Linear(mode.config, "old", binary=True)
    again.restore(json.loads(json.dumps(mode.to_json())))
    for context in CONTEXTS:
        assert again.probabilities(context) == mode.probabilities(context)
    for one in (mode, again):
        one.learn("new", [1003.0], 0.0)
        one.allocate(ARMS, [0.6, 0.2, 0.2], interval_rng(0, 10))
    assert again.to_json() == mode.to_json()


def test_thompson_probabilities_are_those_of_the_posterior() -> None:
    """Two arms without a difference in context: P(best) is that of two normal posteriors."""
    config = ModeConfig.model_validate(
        {"type": "linear", "features": ["x"], "step": 1, "floor": 0, "control_floor": 0, "ridge": 1e-6}
    )
    mode, rng = Linear(config, "old", binary=False), np.random.default_rng(8)
    mode.allocate(ARMS[:2], [0.5, 0.5], interval_rng(0, 0))
    values = {arm: shift + rng.standard_normal(200) for arm, shift in (("old", 0.0), ("new", 0.05))}
    for arm, drawn in values.items():
        for at, value in enumerate(drawn):
            mode.learn(arm, [float(at % 2)], float(value))
    mode.allocate(ARMS[:2], [0.5, 0.5], interval_rng(0, 1))
    difference = values["new"].mean() - values["old"].mean()
    deviation = math.sqrt(2 / 200) * np.concatenate([v - v.mean() for v in values.values()]).std()
    expected = 0.5 * (1 + math.erf(difference / deviation / math.sqrt(2)))
    assert mode.probabilities([None])[1] == pytest.approx(expected, abs=0.06)


@pytest.mark.parametrize(
    "features",
    [{}, {"x": None}, {"x": "text"}, {"x": float("nan")}, {"x": []}, {"x": [[]]}, {"x": 10**400}],
    ids=["missing", "none", "text", "nan", "empty", "nested", "huge"],
)
def test_a_context_without_its_number_still_gets_an_arm(features: dict[str, Any]) -> None:
    mode = taught(rows=200)
    assert mode.context(features) == [None]
    assert math.fsum(mode.probabilities(mode.context(features))) == pytest.approx(1)


def test_listed_values_become_columns_and_others_none_of_them() -> None:
    config = ModeConfig.model_validate(
        {"type": "linear", "features": {"device": ["phone", "web"], "n": "number"}}
    )
    mode = Linear(config, "old", binary=True)
    assert mode.context({"device": [b"web", b"phone"], "n": [[3], [4]]}) == [0.0, 1.0, 3.0]
    assert mode.context({"device": "tv", "n": True}) == [0.0, 0.0, 1.0]


def test_an_outlier_after_the_first_rows_does_not_move_the_scale() -> None:
    mode = taught()
    before = mode.probabilities([1010.0])
    mode.learn("old", [1e300], 1.0)
    mode.allocate(ARMS, [0.6, 0.2, 0.2], interval_rng(0, 9))
    assert mode.probabilities([1010.0]) == pytest.approx(before, abs=0.05)


def test_until_something_is_learned_shares_are_those_of_the_document() -> None:
    config = ModeConfig.model_validate({"type": "linear", "features": ["x"], "floor": 0, "control_floor": 0})
    mode = Linear(config, "old", binary=True)
    mode.allocate(ARMS, [0.6, 0.3, 0.1], interval_rng(0, 0))
    assert mode.probabilities([5.0]) == pytest.approx([0.6, 0.3, 0.1])

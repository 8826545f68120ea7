"""Allocations keep their bounds, whatever a mode wishes for."""

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.experiments.modes.allocator import Allocator
from serving.experiments.modes.bounds import bounded, lifted
from serving.experiments.modes.config import ModeConfig
from serving.experiments.modes.mode import ArmRewards, interval_rng
from serving.experiments.modes.registry import MODES

TINY = 1e-9
ANY = st.floats(allow_nan=True, allow_infinity=True)
SHARE = st.floats(0, 1)


@st.composite
def allocations(draw: Any) -> tuple[list[float], list[float], list[float], float]:
    arms = draw(st.integers(1, 8))
    wishes, current, floors = (
        draw(st.lists(kind, min_size=arms, max_size=arms)) for kind in (ANY, ANY, st.floats(0, 1 / arms))
    )
    return wishes, current, floors, draw(SHARE)


@given(allocations())
@settings(max_examples=500, deadline=None)
def test_shares_add_up_to_one_and_keep_floors_and_step(
    drawn: tuple[list[float], list[float], list[float], float],
) -> None:
    wishes, current, floors, step = drawn
    before = lifted(current, floors)
    shares = bounded(wishes, current, floors, step)
    assert math.fsum(shares) == pytest.approx(1, abs=TINY)
    assert all(share >= low - TINY for share, low in zip(shares, floors, strict=True))
    assert all(abs(share - old) <= step + TINY for share, old in zip(shares, before, strict=True))


def test_shares_that_keep_the_floors_are_where_the_step_begins() -> None:
    assert lifted([0.25, 0.75], [0.1, 0.1]) == [0.25, 0.75]


def test_the_wishes_are_met_where_the_bounds_allow_it() -> None:
    assert bounded([0, 1, 0], [0.2, 0.6, 0.2], [0.1, 0.05, 0.05], 0.5) == pytest.approx([0.1, 0.85, 0.05])


def test_a_new_arm_begins_at_its_floor() -> None:
    assert bounded([0, 0, 1], [0.5, 0.5, 0], [0.1, 0.1, 0.1], 0.0) == pytest.approx([0.45, 0.45, 0.1])


REWARDS = st.lists(
    st.tuples(
        st.just(0.0) | st.floats(1e-6, 1e9), st.floats(-1e9, 1e9), st.floats(0, 1e18), st.integers(0, 10**9)
    ),
    min_size=2,
    max_size=5,
)


@pytest.mark.parametrize("kind", [kind for kind, mode in MODES.items() if mode.learns])
@pytest.mark.parametrize("binary", [True, False], ids=["binary", "numbers"])
@given(rewards=REWARDS, step=st.floats(0.01, 1))
@settings(max_examples=25, deadline=None)
def test_every_learning_mode_keeps_its_bounds(kind: str, binary: bool, rewards: Any, step: float) -> None:
    given_ = {"features": ["x"]} if kind == "linear" else {"draws": 256} if kind == "thompson" else {}
    config = ModeConfig.model_validate({"type": kind, "step": step, **given_})
    mode = MODES[kind](config, "a1", binary=binary)
    arms = [ArmRewards(f"a{at}", *row) for at, row in enumerate(rewards)]
    current = [1 / len(arms)] * len(arms)
    for interval in range(3):
        shares = mode.allocate(arms, current, interval_rng(0, interval))
        assert math.fsum(shares) == pytest.approx(1, abs=TINY)
        assert min(shares) >= 0.05 - TINY
        assert shares[1] >= 0.1 - TINY
        if kind != "linear":  # its step holds for each context: test_linear.py
            assert max(abs(new - old) for new, old in zip(shares, current, strict=True)) <= step + TINY
        current = shares


@pytest.mark.parametrize("kind", sorted(MODES))
def test_the_same_state_gives_the_same_shares_after_a_restart(kind: str) -> None:
    def fresh() -> Allocator:
        extra = {"features": {"x": "number", "who": ["a", "b"]}} if kind == "linear" else {}
        config = ModeConfig.model_validate({"type": kind, **extra})
        return Allocator(config, {"old": 0.5, "new": 0.3, "far": 0.2}, "old")

    through, restarted = fresh(), fresh()
    for interval in range(6):
        for allocator in (through, restarted):
            rng = interval_rng(9, interval)
            rows = [
                (["old", "new", "far"][at % 3], float(rng.random() < 0.3), (float(at % 7), 1.0, 0.0))
                for at in range(60)
            ]
            allocator.learn(rows)
            allocator.advance(interval, pending={"new": 4})
        kept = json.dumps(restarted.to_json())
        restarted = fresh()
        restarted.restore(json.loads(kept))
        assert restarted.to_json() == through.to_json()
    assert restarted.probabilities == through.probabilities
    assert restarted.advance(5) == through.probabilities


def test_an_interval_is_frozen_whatever_is_learned_in_it() -> None:
    allocator = Allocator(ModeConfig.model_validate("thompson"), {"old": 0.5, "new": 0.5}, "old")
    first = allocator.advance(7)
    allocator.learn([("new", 1.0, ())] * 1000)
    assert allocator.advance(7) == first
    assert allocator.advance(6) == first
    assert allocator.advance(8)["new"] == pytest.approx(first["new"] + 0.1)


def test_an_arm_that_leaves_gives_its_share_to_control_and_one_that_comes_begins_at_its_floor() -> None:
    weights = {"old": 0.5, "new": 0.3, "far": 0.2}
    allocator = Allocator(ModeConfig.model_validate({"type": "ucb", "step": 1e-6}), weights, "old")
    assert allocator.advance(0) == pytest.approx(weights, abs=1e-5)
    without = allocator.advance(0, ["old", "far"])
    assert without == pytest.approx({"old": 0.8, "far": 0.2}, abs=1e-5)
    back = allocator.advance(1, ["old", "new", "far"])
    assert back["new"] == pytest.approx(0.05, abs=1e-5)
    assert math.fsum(back.values()) == pytest.approx(1)


def test_pending_units_are_shown_and_never_counted() -> None:
    config = ModeConfig.model_validate("thompson")
    one, other = (Allocator(config, {"old": 0.5, "new": 0.5}, "old") for _ in range(2))
    for allocator, pending in ((one, {"new": 10_000}), (other, {})):
        allocator.learn([("new", 1.0, ()), ("old", 0.0, ())])
        allocator.advance(0, pending=pending)
    assert one.probabilities == other.probabilities
    assert one.rewards("new") == ArmRewards("new", 1, 1, 1, pending=10_000)


def test_rewards_fade_to_half_in_a_half_life() -> None:
    config = ModeConfig.model_validate({"type": "ucb", "every": "1m", "half_life": "3m"})
    allocator = Allocator(config, {"old": 0.5, "new": 0.5}, "old")
    allocator.advance(0)
    allocator.learn([("new", 1.0, ())] * 8)
    allocator.advance(3)
    assert allocator.rewards("new").units == pytest.approx(4)


def test_numbers_that_are_not_finite_are_left_out() -> None:
    allocator = Allocator(ModeConfig.model_validate("thompson"), {"old": 1, "new": 1}, "old", binary=False)
    allocator.learn([("new", float("nan"), ()), ("new", float("inf"), ()), ("new", 2.0, ())])
    assert allocator.rewards("new") == ArmRewards("new", 1, 2, 4)

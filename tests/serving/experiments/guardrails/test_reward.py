"""The guardrail on rewards: an arm that earns less than control by more than allowed, at an error of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from serving.experiments.guardrails.reward import reward_reason
from serving.experiments.state.lifecycle import read_lifecycle
from serving.experiments.state.store import Matured
from serving.experiments.statistics.config import PlannedConfig
from serving.experiments.statistics.design import Design
from serving.experiments.statistics.evidence import Evidence

if TYPE_CHECKING:
    from tests.serving.experiments.guardrails.conftest import Watcher

SHARES = {"old": 0.5, "new": 0.5}


def evidence(binary: bool = True, **planned: Any) -> Evidence:
    return Evidence(
        Design(("old", "new"), "old", binary=binary, planned=PlannedConfig(units=2000, **planned))
    )


def rows(old: Any, new: Any, units: int, seed: int = 0) -> list[Matured]:
    """Returns units in random order; ``old`` and ``new`` draw a reward."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(units):
        arm = "new" if rng.random() < 0.5 else "old"
        value = float((new if arm == "new" else old)(rng))
        found.append(Matured("k", arm, 0.5, SHARES, 1, 0, 0.0, None, value))
    return found


def often(rate: float) -> Any:
    return lambda rng: rng.random() < rate


def about(mean: float) -> Any:
    return lambda rng: rng.normal(mean, 1.0)


def reason(of: Evidence, allowance: float | str, alpha: float = 0.01) -> str:
    return reward_reason(of, "new", allowance, alpha)


def test_an_arm_that_earns_much_less_is_taken_out_with_both_means() -> None:
    seen = evidence()
    seen.take(rows(often(0.5), often(0.2), 2000))
    assert reason(seen, "10%").endswith("worse than control by more than 10% of control's")
    assert "control 0.4" in reason(seen, "10%") or "control 0.5" in reason(seen, "10%")
    assert reason(seen, 0.5) == ""


def test_an_arm_that_is_as_good_is_not() -> None:
    seen = evidence()
    seen.take(rows(often(0.5), often(0.5), 2000))
    assert reason(seen, "5%") == ""
    assert reason(seen, 0.0) == ""


def test_an_arm_that_never_earns_is_seen_although_it_has_no_success() -> None:
    seen = evidence()
    seen.take(rows(often(0.3), often(0.0), 400))
    assert seen.interval("new").low is None
    assert "mean reward 0 over" in reason(seen, "10%")


def test_numbers_are_compared_in_their_unit() -> None:
    seen = evidence(binary=False)
    seen.take(rows(about(10.0), about(9.0), 2000))
    assert "worse than control by more than 0.5" in reason(seen, 0.5)
    assert reason(seen, 1.5) == ""


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "numbers"])
def test_where_lower_is_better_a_higher_mean_is_worse(binary: bool) -> None:
    seen = evidence(binary, better="lower")
    low, high = (often(0.2), often(0.5)) if binary else (about(2.0), about(4.0))
    seen.take(rows(low, high, 2000))
    assert reason(seen, 0.1)
    other = evidence(binary, better="lower")
    other.take(rows(high, low, 2000))
    assert reason(other, 0.1) == ""


def test_an_arm_that_there_is_no_comparison_of_stays_in() -> None:
    assert reward_reason(evidence(), "far", 0.1, 0.01) == ""


def test_false_alarms_at_the_margin_are_rarer_than_said() -> None:
    """100 arms that are exactly as much worse as is allowed, looked at ten times each."""
    alarms = 0
    for seed in range(100):
        seen = evidence()
        units = rows(often(0.5), often(0.45), 1000, seed)
        for begin in range(0, len(units), 100):
            seen.take(units[begin : begin + 100])
            if reason(seen, 0.05, alpha=0.1):
                alarms += 1
                break
    assert alarms <= 10


def test_a_person_who_lets_the_arm_in_again_overrules_its_rewards(watcher: Watcher) -> None:
    watch = watcher(reward="10%")
    seen = evidence()
    seen.take(rows(often(0.5), often(0.2), 2000))
    life = read_lifecycle(watch.store, "exam")
    watch.guardrails.check(life, seen)
    assert "mean reward" in read_lifecycle(watch.store, "exam").out["new"].reason
    watch.readmit("new")
    for _ in range(3):
        watch.now += 2
        watch.guardrails.check(read_lifecycle(watch.store, "exam"), seen)
    assert read_lifecycle(watch.store, "exam").out == {}

"""What an experiment has shown survives a restart exactly, and its verdict follows from it."""

from __future__ import annotations

import json
import random
import subprocess
import sys

import pytest

from serving.experiments.statistics.decide import decide
from serving.experiments.statistics.evidence import Evidence
from tests.serving.experiments.statistics.units import assigned, design, unit


def run(
    evidence: Evidence,
    units: int,
    means: dict[str, float],
    seed: int = 1,
    shares: dict[str, float] | None = None,
) -> None:
    rng = random.Random(seed)
    arms = evidence.design.arms
    shares = shares or {arm: 1 / len(arms) for arm in arms}
    for number in range(units):
        arm = rng.choices(arms, [shares[a] for a in arms])[0]
        value = float(rng.random() < means[arm]) if evidence.design.binary else rng.gauss(means[arm], 1.0)
        evidence.take([unit(arm, value, shares, at=number, covariate=rng.random())])


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "number"])
def test_a_restart_at_any_moment_continues_with_the_same_numbers(binary: bool) -> None:
    through, halved = (Evidence(design(binary=binary)) for _ in range(2))
    run(through, 700, {"old": 0.2, "new": 0.3})
    rng = random.Random(1)
    shares = {"old": 0.5, "new": 0.5}
    for number in range(700):
        arm = rng.choices(("old", "new"), (0.5, 0.5))[0]
        mean = {"old": 0.2, "new": 0.3}[arm]
        value = float(rng.random() < mean) if binary else rng.gauss(mean, 1.0)
        halved.take([unit(arm, value, shares, at=number, covariate=rng.random())])
        if number % 97 == 0:
            halved = Evidence.from_json(
                halved.design, json.loads(json.dumps(halved.to_json(), allow_nan=False))
            )
    assert halved.to_json() == through.to_json()
    assert halved.interval("new") == through.interval("new")


def test_a_better_arm_is_promoted_and_a_worse_one_not() -> None:
    better, worse = Evidence(design()), Evidence(design())
    run(better, 4000, {"old": 0.2, "new": 0.3})
    run(worse, 4000, {"old": 0.3, "new": 0.2})
    assert (decide(better).action, decide(better).arm) == ("promote", "new")
    assert (decide(worse).action, decide(worse).arm) == ("keep", "old")


def test_where_lower_is_better_the_verdicts_change_places() -> None:
    evidence = Evidence(design(better="lower"))
    run(evidence, 4000, {"old": 0.3, "new": 0.2})
    assert (decide(evidence).action, decide(evidence).arm) == ("promote", "new")


def test_wrong_shares_refuse_a_verdict() -> None:
    evidence = Evidence(design())
    run(evidence, 4000, {"old": 0.2, "new": 0.3})
    evidence.assign([assigned("old", {"old": 0.5, "new": 0.5})] * 3000)
    evidence.assign([assigned("new", {"old": 0.5, "new": 0.5})] * 2500)
    verdict = decide(evidence)
    assert verdict.action == "refuse"
    assert "old has 3,000 of 5,500 units assigned where its shares let expect 2,750" in verdict.sentence


def test_units_of_one_batch_are_tested_with_the_shares_that_each_had() -> None:
    evidence, other = Evidence(design()), Evidence(design())
    rng = random.Random(5)
    rows = []
    for number in range(400):
        shares = {"old": 0.5, "new": 0.5} if number % 7 else {"old": 0.9, "new": 0.1}
        rows.append(assigned(rng.choices(("old", "new"), list(shares.values()))[0], shares))
    evidence.assign(rows)
    for row in rows:
        other.assign([row])
    assert evidence.assigned.counts == other.assigned.counts
    assert evidence.assigned.expected == pytest.approx(other.assigned.expected)
    assert evidence.assigned.log_wealth == pytest.approx(other.assigned.log_wealth, abs=0.05)


def test_units_that_could_not_be_in_both_arms_do_not_count() -> None:
    evidence = Evidence(design())
    run(evidence, 500, {"old": 0.3, "new": 0.3}, shares={"old": 1.0, "new": 0.0})
    comparison = evidence.comparisons["new"]
    assert (comparison.skipped, comparison.pseudo.count) == (500, 0)


def test_the_first_look_waits_for_successes_in_each_arm() -> None:
    evidence = Evidence(design())
    run(evidence, 900, {"old": 0.5, "new": 0.01})
    assert "successes that the first look needs" in evidence.interval("new").waiting
    assert evidence.interval("new").low is None


def test_the_history_keeps_about_two_hundred_points() -> None:
    evidence = Evidence(design(units=100))
    run(evidence, 3000, {"old": 0.5, "new": 0.5})
    points = evidence.histories["new"].points
    assert 90 <= len(points) <= 200
    assert points[-1][0] >= 2900


def test_the_rate_is_that_of_the_later_half_until_now() -> None:
    evidence, shares = Evidence(design()), {"old": 0.5, "new": 0.5}
    assert evidence.rate() is None
    for second in range(0, 7200, 10):  # 360 an hour, then 720
        units = [assigned("old", shares, second)] * (1 if second < 3600 else 2)
        evidence.assign(units)
    assert evidence.rate() == pytest.approx(720, rel=0.05)
    assert evidence.rate(now=4 * 3600) == pytest.approx(0.0, abs=1.0)


@pytest.mark.parametrize("reward", [1e300, -1e300, 1e51])
def test_a_reward_that_is_no_number_when_squared_is_left_out_and_said(reward: float) -> None:
    evidence = Evidence(design(binary=False))
    run(evidence, 300, {"old": 1.0, "new": 1.0})
    before = evidence.interval("new")
    evidence.take([unit("new", reward, {"old": 0.5, "new": 0.5}, covariate=1e300)])
    assert evidence.interval("new") == before
    assert any("beyond 1e50" in warning for warning in decide(evidence).warnings)
    capped = Evidence(design(binary=False, cap=5))
    run(capped, 300, {"old": 1.0, "new": 1.0})
    capped.take([unit("new", reward, {"old": 0.5, "new": 0.5}, covariate=1e300)])
    assert json.dumps(capped.to_json(), allow_nan=False)
    assert abs(capped.means["new"].values.mean) < 5


@pytest.mark.parametrize("order", ["old first", "new first", "one arm only"])
def test_odd_orders_and_empty_arms_give_no_verdict_and_no_error(order: str) -> None:
    evidence, shares = Evidence(design()), {"old": 0.5, "new": 0.5}
    assert decide(evidence).action == "wait"
    arms = {
        "old first": ["old"] * 50 + ["new"] * 50,
        "new first": ["new"] * 50 + ["old"] * 50,
        "one arm only": ["new"] * 100,
    }
    for arm in arms[order]:
        evidence.take([unit(arm, 1.0, shares)])
        assert decide(evidence).action == "wait"
    assert evidence.interval("new").low is None


def test_a_new_arm_begins_with_nothing_and_one_that_is_gone_is_left_out() -> None:
    evidence = Evidence(design())
    run(evidence, 300, {"old": 0.5, "new": 0.5})
    changed = Evidence.from_json(design(("old", "far")), evidence.to_json())
    assert changed.means["far"].values.count == 0
    assert changed.means["old"].values.count == evidence.means["old"].values.count
    changed.take([unit("new", 1.0, {"old": 0.5, "new": 0.5}), unit("far", 1.0, {"old": 0.5, "far": 0.5})])
    assert changed.means["far"].values.count == 1


def test_missing_rewards_fail_or_are_left_out_as_declared() -> None:
    shares = {"old": 0.5, "new": 0.5}
    failing, excluding = Evidence(design()), Evidence(design(missing_fails=False))
    for evidence in (failing, excluding):
        evidence.take([unit("new", None, shares), unit("new", 1.0, shares)])
    assert (failing.means["new"].values.mean, excluding.means["new"].values.mean) == (0.5, 1.0)
    assert failing.missing == excluding.missing == {"old": 0, "new": 1}


def test_lost_rewards_alarm_only_where_a_missing_one_is_no_failure() -> None:
    rng, shares = random.Random(3), {"old": 0.5, "new": 0.5}
    failing, excluding = Evidence(design()), Evidence(design(missing_fails=False))
    for _ in range(6000):
        arm = rng.choice(("old", "new"))
        reward = None if arm == "new" and rng.random() < 0.3 else float(rng.random() < 0.5)
        for evidence in (failing, excluding):
            evidence.take([unit(arm, reward, shares)])
    assert decide(failing).action != "refuse"
    assert "units with a reward where its shares let expect" in decide(excluding).sentence


def test_an_arm_that_was_taken_out_is_said_with_its_reason() -> None:
    evidence = Evidence(design(("old", "new", "far")))
    run(evidence, 2000, {"old": 0.4, "new": 0.2, "far": 0.4})
    verdict = decide(evidence, removed={"far": "5 failures in a row"})
    assert (verdict.action, verdict.arm) == ("keep", "old")
    assert "far was taken out (5 failures in a row)" in verdict.sentence


def test_the_planned_size_ends_without_a_difference() -> None:
    evidence = Evidence(design(units=600))
    run(evidence, 600, {"old": 0.4, "new": 0.42})
    verdict = decide(evidence)
    assert (verdict.action, verdict.arm) == ("keep", "old")
    assert "of 600 planned no arm is shown to be better" in verdict.sentence


@pytest.mark.parametrize(
    ("pending", "rate", "hours"),
    [(0, 100.0, "1 + more / 100"), (10**6, 100.0, "under 1"), (0, None, "unknown")],
    ids=str,
)
def test_hours_count_the_units_that_are_pending_and_the_window(
    pending: int, rate: float | None, hours: str
) -> None:
    evidence = Evidence(design(units=100_000))
    run(evidence, 600, {"old": 0.4, "new": 0.42})
    verdict = decide(evidence, {"new": pending}, rate)
    assert verdict.more_units is not None
    if hours == "unknown":
        assert verdict.hours is None
    elif pending:
        assert verdict.hours is not None and verdict.hours < 1
    else:
        assert verdict.hours == pytest.approx(1 + verdict.more_units / 100)


def test_nothing_here_imports_numpy_until_it_is_needed() -> None:
    code = (
        "import sys; import serving.experiments.statistics.asked, serving.experiments.statistics.evidence,"
        "serving.experiments.statistics.decide, serving.experiments.statistics.simulate.run,"
        "serving.experiments.statistics.off_policy.reading; print([m for m in ('numpy','scipy','pyarrow','tensorflow') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"

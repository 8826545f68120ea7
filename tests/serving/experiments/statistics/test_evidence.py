"""What an experiment has shown survives a restart exactly, and its verdict follows from it."""

from __future__ import annotations

import json
import random

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

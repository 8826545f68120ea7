"""The probability of being the best is MABWiser's on the same rewards."""

from __future__ import annotations

import random

import pytest

from serving.experiments.statistics.best import best
from serving.experiments.statistics.evidence import Evidence
from tests.serving.experiments.statistics.units import design, unit

_DRAWS = 500


def test_it_is_mabwisers_share_of_thompson_draws() -> None:
    from mabwiser.mab import MAB, LearningPolicy

    arms, rng = ("old", "new", "far"), random.Random(4)
    evidence, decisions, rewards = Evidence(design(arms)), [], []
    for _ in range(600):
        arm = rng.choice(arms)
        reward = int(rng.random() < {"old": 0.30, "new": 0.34, "far": 0.28}[arm])
        decisions.append(arm)
        rewards.append(reward)
        evidence.take([unit(arm, float(reward), dict.fromkeys(arms, 1 / 3))])
    mab = MAB(list(arms), LearningPolicy.ThompsonSampling(), seed=3)
    mab.fit(decisions, rewards)
    drawn = [mab.predict() for _ in range(_DRAWS)]
    ours = best(evidence, draws=20_000)
    for arm in arms:
        assert ours[arm] == pytest.approx(drawn.count(arm) / _DRAWS, abs=0.06)
    assert sum(ours.values()) == pytest.approx(1.0)


def test_for_numbers_it_is_that_of_two_normal_means() -> None:
    from statistics import NormalDist

    evidence, rng = Evidence(design(binary=False)), random.Random(6)
    for _ in range(2000):
        arm = rng.choice(("old", "new"))
        evidence.take([unit(arm, rng.gauss(100.0 if arm == "old" else 100.1, 2.0), {"old": 0.5, "new": 0.5})])
    old, new = (evidence.means[arm].values for arm in ("old", "new"))
    error = (old.variance / old.count + new.variance / new.count) ** 0.5
    expected = NormalDist().cdf((new.mean - old.mean) / error)
    assert best(evidence, draws=20_000)["new"] == pytest.approx(expected, abs=0.02)


def test_where_lower_is_better_the_smallest_mean_is_best() -> None:
    evidence = Evidence(design(better="lower"))
    for number in range(400):
        arm = ("old", "new")[number % 2]
        evidence.take(
            [unit(arm, float(number % 4 in (0, 1, 2)) if arm == "old" else 0.0, {"old": 0.5, "new": 0.5})]
        )
    assert best(evidence)["new"] > 0.99

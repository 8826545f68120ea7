"""The test of the arms' shares is Lindon and Malek's where shares are fixed, and a martingale where they move."""

from __future__ import annotations

import json
import math
import random

import numpy as np
import pytest

from serving.experiments.statistics.simulate.shares import log_wealth
from serving.experiments.statistics.srm import SampleRatio


def bayes_factor(counts: list[int], shares: list[float]) -> float:
    """Returns the logarithm of the published Bayes factor."""
    prior = [100 * share for share in shares]
    total = math.lgamma(sum(prior)) - math.lgamma(sum(prior) + sum(counts))
    each = sum(math.lgamma(a + n) - math.lgamma(a) for a, n in zip(prior, counts, strict=True))
    return total + each - sum(n * math.log(share) for n, share in zip(counts, shares, strict=True))


@pytest.mark.parametrize("batch", [1, 7, 600])
def test_with_fixed_shares_it_is_the_published_bayes_factor_however_units_are_grouped(batch: int) -> None:
    shares, rng, ratio = {"a": 0.6, "b": 0.3, "c": 0.1}, random.Random(1), SampleRatio(("a", "b", "c"))
    arms = rng.choices("abc", (5, 3, 2), k=600)
    for at in range(0, len(arms), batch):
        ratio.add({arm: arms[at : at + batch].count(arm) for arm in "abc"}, shares)
    assert ratio.log_wealth == pytest.approx(
        bayes_factor([arms.count(a) for a in "abc"], [0.6, 0.3, 0.1]), abs=1e-8
    )


def test_under_the_intended_shares_the_mean_wealth_stays_one_while_they_move() -> None:
    wealth = 0.0
    moves = ({"a": 0.5, "b": 0.5}, {"a": 0.9, "b": 0.1}, {"a": 0.2, "b": 0.8})
    for path in range(2**6):
        ratio, chance = SampleRatio(("a", "b")), 1.0
        for step in range(6):
            shares, arm = moves[step % 3], "ab"[path >> step & 1]
            chance *= shares[arm]
            ratio.add({arm: 1}, shares)
        wealth += chance * math.exp(ratio.log_wealth)
    assert wealth == pytest.approx(1.0, abs=1e-12)


def test_a_unit_in_an_arm_without_a_share_is_an_alarm_by_itself() -> None:
    ratio = SampleRatio(("a", "b"))
    ratio.add({"a": 5, "b": 1}, {"a": 1.0, "b": 0.0})
    assert "1 units were assigned in an arm whose share was 0" in ratio.alarm(0.001)


def test_a_real_mismatch_is_said_with_both_numbers() -> None:
    ratio = SampleRatio(("a", "b"))
    ratio.add({"a": 5_400, "b": 4_600}, {"a": 0.5, "b": 0.5})
    assert ratio.alarm(0.001).startswith(
        "a has 5,400 of 10,000 units assigned where its shares let expect 5,000"
    )
    assert not SampleRatio(("a", "b")).alarm(0.001)


def test_the_state_goes_through_json_unchanged() -> None:
    ratio, rng = SampleRatio(("a", "b")), random.Random(2)
    for _ in range(50):
        ratio.add({rng.choice("ab"): 3}, {"a": 1 / 3, "b": 2 / 3})
    again = SampleRatio.from_json(("a", "b"), json.loads(json.dumps(ratio.to_json(), allow_nan=False)))
    for each in (ratio, again):
        each.add({"a": 1}, {"a": 0.1, "b": 0.9})
    assert again.to_json() == ratio.to_json()


def test_arrays_and_the_class_agree() -> None:
    rng = np.random.default_rng(3)
    shares = 0.1 + 0.7 * rng.dirichlet((1, 1, 1), size=(2, 30))
    counts = np.stack([[rng.multinomial(20, shares[e, b]) for b in range(30)] for e in range(2)])
    path = log_wealth(counts, shares)
    for experiment in range(2):
        ratio = SampleRatio(("a", "b", "c"))
        for batch in range(30):
            ratio.add(
                dict(zip("abc", counts[experiment, batch].tolist(), strict=True)),
                dict(zip("abc", shares[experiment, batch].tolist(), strict=True)),
            )
            assert ratio.log_wealth == pytest.approx(path[experiment, batch], abs=1e-8)


def test_with_the_intended_shares_the_alarm_is_hardly_ever_false_and_loss_is_found() -> None:
    rng, shares = np.random.default_rng(4), np.array([0.5, 0.5])
    right = log_wealth(rng.multinomial(100, shares, size=(300, 200)), shares).max(axis=1)
    assert (right >= -math.log(0.05)).mean() <= 0.05
    lost = log_wealth(rng.multinomial(100, [1 / 1.8, 0.8 / 1.8], size=(50, 200)), shares).max(axis=1)
    assert (lost >= -math.log(0.001)).mean() == 1.0

"""Off-policy estimates cover the truth, and refuse where they cannot."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from foundation.errors import SpecError
from serving.experiments.statistics.off_policy.estimates import estimate
from serving.experiments.statistics.off_policy.judge import Unit, judge
from serving.experiments.statistics.off_policy.policy import Policy, read_policy


def logged(rng: np.random.Generator, n: int, q: dict[str, float], rates: dict[str, float]) -> list[Unit]:
    arms = rng.choice(list(q), size=n, p=list(q.values()))
    return [Unit(str(arm), q[arm], float(rng.random() < rates[arm])) for arm in arms]


def test_intervals_cover_the_truth_and_doubly_robust_ones_are_the_narrowest() -> None:
    rng, q, rates = np.random.default_rng(1), {"old": 0.8, "new": 0.2}, {"old": 0.3, "new": 0.4}
    covered = np.zeros(3)
    for _ in range(60):
        found = judge(Policy({"new": 1.0}), logged(rng, 1200, q, rates))
        values = [found.ips, found.snips, found.dr]
        covered += [each is not None and each.low <= 0.4 <= each.high for each in values]
        assert found.ips and found.dr and found.dr.high - found.dr.low < found.ips.high - found.ips.low
    assert (covered >= 60 * 0.88).all()


def test_the_effective_size_is_refused_when_it_is_small() -> None:
    rng = np.random.default_rng(2)
    units = logged(rng, 3000, {"old": 0.99, "new": 0.01}, {"old": 0.3, "new": 0.4})
    assert "units tell as much as" in judge(Policy({"new": 1.0}), units).refused


def test_rare_rewards_are_refused_until_enough_of_them_count() -> None:
    rng = np.random.default_rng(3)
    units = logged(rng, 3000, {"old": 0.5, "new": 0.5}, {"old": 0.002, "new": 0.002})
    assert "rewards in effect" in judge(Policy({"new": 1.0}), units).refused


def test_a_wrong_propensity_shows_in_the_mean_weight() -> None:
    rng, rates = np.random.default_rng(4), {"old": 0.3, "new": 0.4}
    right = logged(rng, 4000, {"old": 0.5, "new": 0.5}, rates)
    wrong = [Unit(unit.arm, {"old": 0.6, "new": 0.4}[unit.arm], unit.reward) for unit in right]
    assert not judge(Policy({"new": 1.0}), right).refused
    assert "the mean weight is" in judge(Policy({"new": 1.0}), wrong).refused


def test_lost_records_of_one_arm_show_in_the_mean_weight() -> None:
    rng = np.random.default_rng(5)
    units = logged(rng, 10_000, {"old": 0.5, "new": 0.5}, {"old": 0.3, "new": 0.4})
    kept = [unit for unit in units if unit.arm == "old" or rng.random() > 0.1]
    assert "records are missing" in judge(Policy({"new": 1.0}), kept).refused


def test_the_formulas_are_the_published_ones() -> None:
    rng = np.random.default_rng(6)
    w, y, mu, pi_mu = (
        rng.exponential(size=5000),
        rng.normal(size=5000),
        rng.normal(size=5000),
        rng.normal(size=5000),
    )
    found = estimate(w, y, mu, pi_mu)
    assert found.ips and found.snips and found.dr
    assert found.ips.estimate == pytest.approx((w * y).mean())
    assert found.snips.estimate == pytest.approx((w * y).sum() / w.sum())
    assert found.dr.estimate == pytest.approx((pi_mu + w * (y - mu)).mean())
    assert found.effective == pytest.approx(w.sum() ** 2 / (w**2).sum())


def test_a_policy_by_a_feature_is_judged_by_the_unit_s_value(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text("feature: country\nvalues: {de: new, 5: {old: 50%, new: 50%}}\notherwise: old\n")
    policy = read_policy(str(file), ["old", "new"])
    assert [dict(policy.shares(v)) for v in ("de", 5, None)] == [
        {"new": 1.0},
        {"old": 0.5, "new": 0.5},
        {"old": 1.0},
    ]
    rng, units = np.random.default_rng(7), []
    for _ in range(4000):
        arm, country = str(rng.choice(["old", "new"])), str(rng.choice(["de", "fr"]))
        rate = 0.6 if (arm == "new") == (country == "de") else 0.2
        units.append(Unit(arm, 0.5, float(rng.random() < rate), country))
    found = judge(policy, units)
    assert found.dr
    assert found.dr.low <= 0.6 <= found.dr.high
    assert found.dr.high - found.dr.low < 0.06


@pytest.mark.parametrize(
    "text", ["nev", "old=50%", "old=150%,new=-50%", "old=much,new=1", "", "away.yaml"], ids=str
)
def test_what_is_no_policy_is_refused(text: str) -> None:
    with pytest.raises(SpecError):
        read_policy(text, ["old", "new"])

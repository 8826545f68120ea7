"""Sample-ratio mismatch: whether the arms got the shares that they were meant to get, tested after every unit."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

PRIOR = 100.0
"""Weight of the intended shares in the alternative; the authors' own choice."""


@dataclass(slots=True)
class SampleRatio:
    """A bet against the intended shares: it grows only if they are not what happens.

    Under the intended shares the wealth is a martingale that begins at 1, so it ever reaches 1/alpha with probability
    alpha at most. With fixed shares it is the Bayes factor of Lindon and Malek (Anytime-valid inference for multinomial
    count data, NeurIPS 2022). With moving ones the bet on an arm is its share q times the ratio seen so far,
    ``(100 q + n) / (100 q + sum of past q)``, scaled to 1: known before the unit, so it stays a martingale.

    Attributes:
        arms: The arms.
        counts: Units of each arm.
        expected: Sum of the shares that each arm had when they were assigned.
        log_wealth: Natural logarithm of the wealth now.
        log_most: The most that it ever was.
        impossible: Units in an arm whose share was 0.
    """

    arms: tuple[str, ...]
    counts: dict[str, int] = field(default_factory=dict)
    expected: dict[str, float] = field(default_factory=dict)
    log_wealth: float = 0.0
    log_most: float = 0.0
    impossible: int = 0

    def __post_init__(self) -> None:
        """Lets every arm have its counts."""
        for arm in self.arms:
            self.counts.setdefault(arm, 0)
            self.expected.setdefault(arm, 0.0)

    @property
    def units(self) -> int:
        """Units so far."""
        return sum(self.counts.values())

    def add(self, counts: Mapping[str, int], propensities: Mapping[str, float]) -> None:
        """Takes units that were assigned with the same shares.

        Args:
            counts: New units by arm.
            propensities: Each arm's share when they were assigned; the sum is 1.
        """
        total = sum(propensities.get(arm, 0.0) for arm in self.arms)
        if not total > 0:
            self.impossible += sum(counts.values())
            return
        shares = {arm: propensities.get(arm, 0.0) / total for arm in self.arms}
        bets = {arm: self._bet(arm, share) for arm, share in shares.items()}
        weight = (PRIOR + self.units) / sum(bets.values())
        before = taken = 0.0
        for arm in self.arms:
            new, prior = counts.get(arm, 0), bets[arm] * weight
            before, taken = before + prior, taken + new
            if new and not prior:
                self.impossible += new
                taken -= new
            elif new:
                self.log_wealth += math.lgamma(prior + new) - math.lgamma(prior) - new * math.log(shares[arm])
        self.log_wealth += math.lgamma(before) - math.lgamma(before + taken)
        self.log_most = max(self.log_most, self.log_wealth)
        added = sum(counts.get(arm, 0) for arm in self.arms)
        for arm in self.arms:
            self.counts[arm] += counts.get(arm, 0)
            self.expected[arm] += added * shares[arm]

    def _bet(self, arm: str, share: float) -> float:
        if not share:
            return 0.0
        prior = PRIOR * share
        return share * (prior + self.counts[arm]) / (prior + self.expected[arm])

    @property
    def p_value(self) -> float:
        """The smallest p-value so far; valid after any number of looks."""
        return 0.0 if self.impossible else min(1.0, math.exp(-self.log_most))

    def alarm(self, alpha: float, noun: str = "units", where: str = "assigned") -> str:
        """Returns what is wrong, in one sentence; empty if nothing is.

        Args:
            alpha: Chance that the alarm is ever false.
            noun: What is counted.
            where: What happened to them.
        """
        if self.impossible:
            return f"{self.impossible:,} {noun} were {where} in an arm whose share was 0"
        if self.p_value > alpha:
            return ""
        arm = max(
            self.arms, key=lambda a: abs(self.counts[a] - self.expected[a]) / math.sqrt(self.expected[a] + 1)
        )
        return (
            f"{arm} has {self.counts[arm]:,} of {self.units:,} {noun} {where} where its shares let expect "
            f"{self.expected[arm]:,.0f} (p = {self.p_value:.1g}, alarm at {alpha:g})"
        )

    def to_json(self) -> dict[str, Any]:
        """Returns the state as plain JSON."""
        return {
            "counts": dict(self.counts),
            "expected": dict(self.expected),
            "log_wealth": self.log_wealth,
            "log_most": self.log_most,
            "impossible": self.impossible,
        }

    @classmethod
    def from_json(cls, arms: tuple[str, ...], value: Mapping[str, Any]) -> SampleRatio:
        """Returns what ``to_json`` gave, exactly; arms that are gone keep their counts, new ones begin at 0."""
        known = (*arms, *(arm for arm in value["counts"] if arm not in arms))
        return cls(
            known,
            {arm: int(count) for arm, count in value["counts"].items()},
            {arm: float(sum_) for arm, sum_ in value["expected"].items()},
            float(value["log_wealth"]),
            float(value["log_most"]),
            int(value["impossible"]),
        )

"""Judges a policy by units: weights, expected rewards from earlier units alone, and the estimates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from serving.experiments.statistics.off_policy.estimates import Estimates, estimate

if TYPE_CHECKING:
    from serving.experiments.statistics.off_policy.policy import Policy

_PRIOR = 5.0
"""Units that an arm's mean weighs in the mean of the arm where the input has one value."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit with a reward.

    Attributes:
        arm: The arm that it got.
        propensity: The probability that it got it with.
        reward: Its reward.
        value: The value of the input that the policy goes by; None without one.
    """

    arm: str
    propensity: float
    reward: float
    value: object = None


def judge(policy: Policy, units: Iterable[Unit], alpha: float = 0.05) -> Estimates:
    """Returns what a policy would have earned per unit.

    Args:
        policy: The policy.
        units: The units, oldest first.
        alpha: Chance of missing, of each interval.
    """
    import numpy as np

    rows, means = [], _Means()
    for unit in units:
        shares = policy.shares(unit.value)
        expected = sum(share * means.expected(arm, unit.value) for arm, share in shares.items())
        weight = shares.get(unit.arm, 0.0) / unit.propensity
        rows.append((weight, unit.reward, means.expected(unit.arm, unit.value), expected))
        means.add(unit)
    table = np.asarray(rows, dtype=float).reshape(-1, 4)
    weights, rewards, own, whole = table.T
    return estimate(weights, rewards, own, whole, alpha)


class _Means:
    """Mean reward by arm and value, each drawn towards the mean of the arm."""

    def __init__(self) -> None:
        self._arms: defaultdict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
        self._cells: defaultdict[tuple[str, object], list[float]] = defaultdict(lambda: [0.0, 0.0])

    def add(self, unit: Unit) -> None:
        """Takes a unit."""
        for sums in (self._arms[unit.arm], self._cells[unit.arm, unit.value]):
            sums[0] += 1
            sums[1] += unit.reward

    def expected(self, arm: str, value: object) -> float:
        """Returns the reward expected of a unit."""
        count, total = self._arms[arm]
        mean = total / count if count else 0.0
        cell = self._cells.get((arm, value))
        return (cell[1] + _PRIOR * mean) / (cell[0] + _PRIOR) if cell else mean

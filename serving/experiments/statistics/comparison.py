"""One arm against control, unit by unit: valid however often it is looked at, under moving weights too."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from serving.experiments.statistics.arm_mean import ArmMean
from serving.experiments.statistics.interval import Interval
from serving.experiments.statistics.moments import Moments
from serving.experiments.statistics.sequence import radius, tuned

if TYPE_CHECKING:
    from collections.abc import Mapping

    from serving.experiments.statistics.design import Design

FIRST = 10
"""Units of each arm that only teach the expected reward, so that no difference is taken from a wild guess."""

UNEVEN = 1.5
"""Ratio of the two estimates of the variance from which on probabilities depend on what a unit is like."""
SKEWED = 2.3
"""Two thirds of the 3.5 standard errors or so that the interval is wide."""


@dataclass(slots=True)
class Comparison:
    """The difference between an arm and control (augmented inverse propensity weighting).

    Each unit gives ``mu1 - mu0 + 1{arm} (y - mu1) / q1 - 1{control} (y - mu0) / q0``, where mu is what the units before it
    let expect and q the probability that it was assigned with. Its mean is the difference, whatever mu is, as long as mu
    knows only earlier units.

    Attributes:
        arm: The arm.
        control: The arm that it is compared with.
        pseudo: Moments of these values.
        largest: The largest square of a weighted deviation in the arm and in control.
        spread: Of the arm and of control: units, sum of the squared deviations, the largest of them, sum of 1/q over all units.
        r: The constant of the sequence, fixed at the first look; 0 before.
        skipped: Units that could not have been in both arms.
    """

    arm: str
    control: str
    pseudo: Moments = field(default_factory=Moments)
    largest: list[float] = field(default_factory=lambda: [0.0, 0.0])
    spread: list[list[float]] = field(default_factory=lambda: [[0.0] * 4, [0.0] * 4])
    r: float = 0.0
    skipped: int = 0

    def add(
        self,
        arm: str,
        value: float,
        propensities: Mapping[str, float],
        covariate: float | None,
        means: Mapping[str, ArmMean],
    ) -> None:
        """Takes one more unit.

        Args:
            arm: The arm that it was assigned to; may be a third one.
            value: Its reward.
            propensities: The probability of each arm when it was assigned.
            covariate: A score known before the assignment; None if there is none.
            means: What the earlier units let expect, by arm; this unit is not in it yet.
        """
        if not (propensities.get(self.arm, 0.0) > 0 and propensities.get(self.control, 0.0) > 0):
            self.skipped += 1
            return
        one, zero = means[self.arm], means[self.control]
        if min(one.values.count, zero.values.count) < FIRST:
            return
        mu1, mu0 = one.expected(covariate), zero.expected(covariate)
        pseudo = mu1 - mu0
        for side, name in enumerate((self.arm, self.control)):
            self.spread[side][3] += 1.0 / propensities[name]
        if arm == self.arm:
            pseudo += self._weighted(0, value - mu1, propensities[arm])
        elif arm == self.control:
            pseudo -= self._weighted(1, value - mu0, propensities[arm])
        self.pseudo.add(pseudo)

    def _weighted(self, side: int, residual: float, propensity: float) -> float:
        square, weighted = residual * residual, residual / propensity
        self.largest[side] = max(self.largest[side], weighted * weighted)
        spread = self.spread[side]
        spread[0] += 1
        spread[1] += square
        spread[2] = max(spread[2], square)
        return weighted

    @property
    def variance(self) -> float:
        """Sum of the variances of the values, as if the largest deviation of each arm had been seen once more.

        Rare rewards look constant until the first success; for rewards of 0 and 1 this is the add-one rule. The larger of two
        estimates holds: the squared deviations of the values, and each arm's variance times the sum of 1/q. The second knows
        at once what a smaller q will do; the first only after the rare units that it makes count for many. Where the first is
        much larger, q depends on what a unit is like, as in a contextual bandit, and the second knows nothing of it: then
        the first is raised by the skewness of the values, to first order as in Johnson's t (JASA 1978).
        """
        expected = sum((squares + most) / max(n, 1.0) * inverse for n, squares, most, inverse in self.spread)
        seen, skewed = self.pseudo.squares, self.pseudo.cubes
        squares = seen + self.largest[0] + self.largest[1]
        if squares > UNEVEN * expected and seen > 0:
            squares *= 1.0 + SKEWED * abs(skewed) / seen**1.5
        return max(squares, expected)

    def tune(self, design: Design) -> None:
        """Fixes the constant of the sequence for the planned size."""
        planned = self.variance * max(1.0, design.planned.units / self.pseudo.count)
        self.r = tuned(planned, min(0.99, design.alpha * (1 if design.planned.sides == "two" else 2)))

    def margin_of_error(self, alpha: float, sides: int, units: float | None = None) -> float:
        """Returns half the interval's width, now or after more units that vary like those so far.

        Args:
            alpha: Chance of ever missing.
            sides: 2 or 1.
            units: Number of units then; None means now.
        """
        now = self.pseudo.count
        units = units or now
        return radius(self.variance * units / now, self.r, alpha, sides) / units

    def interval(self, alpha: float, sides: int, waiting: str = "") -> Interval:
        """Returns the interval.

        Args:
            alpha: Chance of ever missing: at both ends together or, with one side, at each.
            sides: 2 or 1.
            waiting: Why it may not be looked at yet; see ``first_look``.
        """
        if not self.pseudo.count:
            return Interval(None, None, None, waiting or "no units yet")
        if waiting or not self.r or not math.isfinite(self.variance):
            return Interval(self.pseudo.mean, None, None, waiting or "no first look yet")
        half = self.margin_of_error(alpha, sides)
        return Interval(self.pseudo.mean, self.pseudo.mean - half, self.pseudo.mean + half)

    def to_json(self) -> dict[str, Any]:
        """Returns the state as plain JSON."""
        return {
            "arm": self.arm,
            "control": self.control,
            "pseudo": self.pseudo.to_json(),
            "largest": list(self.largest),
            "spread": [list(side) for side in self.spread],
            "r": self.r,
            "skipped": self.skipped,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Comparison:
        """Returns what ``to_json`` gave, exactly."""
        return cls(
            value["arm"],
            value["control"],
            Moments.from_json(value["pseudo"]),
            [float(square) for square in value["largest"]],
            [[float(each) for each in side] for side in value["spread"]],
            float(value["r"]),
            int(value["skipped"]),
        )

"""Exact confidence sequences for rewards of 0 and 1: right from the first unit on, for rare ones too, and wider.

Source: the mixture of the binomial likelihood over a Beta(1/2, 1/2) distribution is a martingale under the true rate
(Robbins 1970; Howard, Ramdas, McAuliffe and Sekhon, Annals of Statistics 2021). For S successes among n,
``ln E(p) = ln B(S + 1/2, n - S + 1/2) - ln B(1/2, 1/2) - S ln p - (n - S) ln(1 - p)``. The product over two arms is one
too, in whatever order and with whatever weights units came, so the differences p1 - p0 with ``E0(p0) E1(p1) < 1/alpha``
for some p0 hold the true one. That is narrower than two intervals at alpha/2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from serving.experiments.statistics.interval import Interval

if TYPE_CHECKING:
    from collections.abc import Mapping

_STEPS = 44
"""Halvings; each costs one evaluation and the last moves an end by less than 1e-12."""


def log_evidence(successes: int, units: int, rate: float) -> float:
    """Returns the logarithm of the evidence against a rate.

    Args:
        successes: Rewards of 1.
        units: All rewards.
        rate: The rate, from 0 to 1.
    """
    failures = units - successes
    if (rate <= 0 and successes) or (rate >= 1 and failures):
        return math.inf
    fit = (successes * math.log(rate) if successes else 0.0) + (
        failures * math.log1p(-rate) if failures else 0.0
    )
    beta = math.lgamma(successes + 0.5) + math.lgamma(failures + 0.5) - math.lgamma(units + 1.0)
    return beta - math.log(math.pi) - fit


@dataclass(slots=True)
class RateDifference:
    """The difference of two arms' rates, arm less control.

    Attributes:
        units: Units of control and of the arm.
        successes: Rewards of 1 in control and in the arm.
    """

    units: list[int] = field(default_factory=lambda: [0, 0])
    successes: list[int] = field(default_factory=lambda: [0, 0])

    def add(self, challenger: bool, successes: int, units: int = 1) -> None:
        """Takes more units of one arm.

        Args:
            challenger: Whether they are the arm's, not control's.
            successes: How many of them had a reward of 1.
            units: How many there are.
        """
        self.units[challenger] += units
        self.successes[challenger] += successes

    @property
    def estimate(self) -> float | None:
        """The difference of the two shares; None while an arm has no units."""
        if not all(self.units):
            return None
        return self.successes[1] / self.units[1] - self.successes[0] / self.units[0]

    def evidence(self, difference: float) -> float:
        """Returns the logarithm of the evidence against a difference: the least over all rates that have it."""
        lowest, highest = max(0.0, -difference), min(1.0, 1.0 - difference)
        if lowest > highest:
            return math.inf

        def slope(rate: float) -> float:
            """Slope of the sum at control's rate; the sum is convex."""
            pairs = ((rate, 0), (rate + difference, 1))
            return sum(
                (self.units[k] - self.successes[k]) / max(1.0 - p, 1e-300)
                - self.successes[k] / max(p, 1e-300)
                for p, k in pairs
            )

        for _ in range(_STEPS):
            middle = (lowest + highest) / 2
            lowest, highest = (lowest, middle) if slope(middle) > 0 else (middle, highest)
        return min(self._against(rate, difference) for rate in (lowest, highest, (lowest + highest) / 2))

    def _against(self, rate: float, difference: float) -> float:
        control = log_evidence(self.successes[0], self.units[0], min(1.0, max(0.0, rate)))
        return control + log_evidence(self.successes[1], self.units[1], min(1.0, max(0.0, rate + difference)))

    def exceeds(self, margin: float, alpha: float) -> bool:
        """Returns whether the arm's rate is above control's by more than a margin, at one-sided error alpha.

        Holds at all times at once: a guardrail may ask after every request.
        """
        estimate = self.estimate
        return estimate is not None and estimate > margin and self.excludes(margin, alpha)

    def excludes(self, difference: float, alpha: float) -> bool:
        """Returns whether a difference is outside the interval."""
        return self.evidence(difference) >= -math.log(alpha)

    def interval(self, alpha: float, sides: int = 2) -> Interval:
        """Returns the interval of the difference.

        Args:
            alpha: Chance of ever missing. It holds for both ends together; with one side nothing is gained.
            sides: Taken for the sake of ``Comparison.interval``.
        """
        del sides
        estimate = self.estimate
        if estimate is None:
            return Interval(None, None, None, "an arm has no units yet")
        return Interval(estimate, self._end(estimate, -1.0, alpha), self._end(estimate, 1.0, alpha))

    def _end(self, inside: float, outside: float, alpha: float) -> float:
        for _ in range(_STEPS):
            middle = (inside + outside) / 2
            inside, outside = (inside, middle) if self.excludes(middle, alpha) else (middle, outside)
        return outside

    def to_json(self) -> dict[str, Any]:
        """Returns the state as plain JSON."""
        return {"units": list(self.units), "successes": list(self.successes)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> RateDifference:
        """Returns what ``to_json`` gave, exactly."""
        return cls([int(n) for n in value["units"]], [int(n) for n in value["successes"]])

"""A one-sided confidence sequence by betting: evidence that an arm has more of something bad than control.

Each unit gives ``f = 1{arm} y / q1 - 1{control} y / q0``, with y 0 or 1 and q the probability that it was assigned with. Its
mean is the difference of the two rates at that time. If that is never above the margin m, a player who stakes a share
``b`` of what makes ``1 + b (f - m)`` zero at worst cannot gain on average, whatever happened before; so the mean
over several stakes exceeds 1/alpha with a chance of alpha at most, ever, and m is then below the lower end of the sequence
(Waudby-Smith and Ramdas, Estimating means of bounded random variables by betting, JRSS B 2024, arXiv 2010.09686).
Weights and rates may move, and the test may be looked at after each unit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

STAKES: Final = (0.9, 0.5, 0.25, 0.12, 0.06, 0.03, 0.015, 0.007)
"""Shares of the largest stake that cannot lose everything; large ones see gross differences soon, small ones small ones."""
_LEAST: Final = 1e-9


@dataclass
class Bets:
    """The evidence that an arm's rate exceeds control's by more than a margin. Sums: those of two replicas add up.

    Attributes:
        logs: The logarithm of what each stake has become.
        units: Units of control and of the arm.
        bad: How many of them were bad.
    """

    logs: list[float] = field(default_factory=lambda: [0.0] * len(STAKES))
    units: list[int] = field(default_factory=lambda: [0, 0])
    bad: list[int] = field(default_factory=lambda: [0, 0])

    def add(
        self, challenger: bool, bad: bool, propensity: float, control: float, margin: float, count: int = 1
    ) -> None:
        """Takes one more unit of the arm or of control, or several of which all went the same way.

        Args:
            challenger: Whether the arm answered it, not control.
            bad: Whether what the test is about happened.
            propensity: The probability that it was assigned with to where it went.
            control: Control's probability as known before the unit; it bounds the stakes.
            margin: By how much the arm's rate may exceed control's.
            count: How many units.
        """
        self.units[challenger] += count
        self.bad[challenger] += count * bad
        largest = 1.0 / (margin + 1.0 / control)
        gain = ((1.0 if challenger else -1.0) / propensity if bad else 0.0) - margin
        for at, stake in enumerate(
            STAKES
        ):  # below the least only if control's probability has just halved or so
            self.logs[at] += count * math.log(max(1.0 + stake * largest * gain, _LEAST))

    def plus(self, more: Bets) -> Bets:
        """Returns the evidence of both."""
        return Bets(
            [one + other for one, other in zip(self.logs, more.logs, strict=True)],
            [one + other for one, other in zip(self.units, more.units, strict=True)],
            [one + other for one, other in zip(self.bad, more.bad, strict=True)],
        )

    @property
    def log_evidence(self) -> float:
        """The logarithm of the mean over the stakes."""
        top = max(self.logs)
        return top + math.log(math.fsum(math.exp(log - top) for log in self.logs) / len(self.logs))

    def exceeds(self, alpha: float) -> bool:
        """Returns whether the arm's rate is above control's by more than the margin."""
        return self.log_evidence >= -math.log(alpha)

    def rate(self, challenger: bool) -> float:
        """Returns the share of bad units, of the arm or of control."""
        return self.bad[challenger] / self.units[challenger] if self.units[challenger] else 0.0

    def to_json(self) -> dict[str, Any]:
        """Returns it as plain JSON."""
        return {"logs": self.logs, "units": self.units, "bad": self.bad}

    @classmethod
    def from_json(cls, value: dict[str, Sequence[Any]]) -> Bets:
        """Returns what ``to_json`` gave, exactly."""
        return cls(
            list(map(float, value["logs"])), list(map(int, value["units"])), list(map(int, value["bad"]))
        )

"""Upper confidence bounds: the arm that could be the best gets everything that the floors leave."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from serving.experiments.modes.mode import LEARNING, ArmRewards, Mode


class Ucb(Mode):
    """UCB1-Tuned (Auer, Cesa-Bianchi, Fischer 2002, section 4), an interval at a time.

    The bound is ``mean + exploration * sqrt(ln n / n_k * min(1/4, v_k + sqrt(2 ln n / n_k)))``, with ``v_k`` the variance
    of the arm's rewards. Numeric rewards are measured in the deviation of all of them, and have no such maximum.
    """

    type: ClassVar[str] = "ucb"
    keys: ClassVar[frozenset[str]] = LEARNING | {"exploration"}

    def wishes(self, arms: Sequence[ArmRewards], rng: Any) -> list[float]:
        """Returns one for the arm with the highest bound, shared by arms that are equal or untried."""
        untried = [not arm.units for arm in arms]
        if any(untried):
            return [float(new) for new in untried]
        bounds = self._bounds(arms)
        return [float(bound == max(bounds)) for bound in bounds]

    def _bounds(self, arms: Sequence[ArmRewards]) -> list[float]:
        n = math.fsum(arm.units for arm in arms)
        unit, most = (1.0, 0.25) if self.binary else (_variance(arms), math.inf)
        found = []
        for arm in arms:
            doubt = math.log(max(n, math.e)) / arm.units
            variance = max(arm.squares / arm.units - arm.mean * arm.mean, 0.0) / unit
            bonus = math.sqrt(unit * doubt * min(most, variance + math.sqrt(2 * doubt)))
            found.append(arm.mean + self.config.exploration * bonus)
        return found


def _variance(arms: Sequence[ArmRewards]) -> float:
    """Returns the variance of all arms' rewards together; 1 if there is none to see."""
    n = math.fsum(arm.units for arm in arms)
    mean = math.fsum(arm.total for arm in arms) / n
    return max(math.fsum(arm.squares for arm in arms) / n - mean * mean, 0.0) or 1.0

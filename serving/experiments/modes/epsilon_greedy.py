"""Epsilon-greedy: the arm with the best mean gets all but a share that is spread evenly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from serving.experiments.modes.mode import LEARNING, ArmRewards, Mode


class EpsilonGreedy(Mode):
    """``epsilon`` is spread evenly; the rest goes to the best mean, shared by arms that are equal or untried."""

    type: ClassVar[str] = "epsilon_greedy"
    keys: ClassVar[frozenset[str]] = LEARNING | {"epsilon"}

    def wishes(self, arms: Sequence[ArmRewards], rng: Any) -> list[float]:
        """Returns the shares; no random draws are needed."""
        epsilon, untried = self.config.epsilon, [not arm.units for arm in arms]
        highest = max((arm.mean for arm in arms if arm.units), default=0.0)
        first = untried if any(untried) else [arm.mean == highest for arm in arms]
        return [epsilon / len(arms) + (1 - epsilon) * leads / sum(first) for leads in first]

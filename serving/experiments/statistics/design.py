"""What the statistics must know of an experiment: its arms, its reward, and the ``planned`` slice."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from serving.experiments.statistics.config import PlannedConfig

if TYPE_CHECKING:
    from collections.abc import Iterable

    from serving.experiments.rewards.config import RewardConfig

LARGEST = 1e50
"""The largest reward and score that count."""


@dataclass(frozen=True)
class Design:
    """An experiment as the statistics see it.

    Attributes:
        arms: Names of all arms, control among them.
        control: The arm that the others are compared with.
        binary: Whether rewards are 0 or 1.
        missing_fails: Whether a unit without a reward counts as 0; if not it is left out.
        planned: Size, error and margin.
        by_request: Whether each request is a unit of its own; for words only.
        window: Seconds from a unit's first request until it is counted.
    """

    arms: tuple[str, ...]
    control: str
    binary: bool = True
    missing_fails: bool = True
    planned: PlannedConfig = field(default_factory=PlannedConfig)
    by_request: bool = False
    window: float = 0.0

    @property
    def challengers(self) -> tuple[str, ...]:
        """The arms that are compared with control."""
        return tuple(arm for arm in self.arms if arm != self.control)

    @property
    def alpha(self) -> float:
        """The share of ``planned.alpha`` that each comparison has (Bonferroni)."""
        return self.planned.alpha / max(1, len(self.challengers))

    @property
    def noun(self) -> str:
        """What a unit is called in sentences."""
        return "request" if self.by_request else "unit"

    def counted(self, reward: float | None) -> float | None:
        """Returns the value that a unit counts with; None means that it is left out.

        A reward beyond 1e50 is left out unless a cap cuts it: its fourth power would not be a number.
        """
        if reward is None:
            return 0.0 if self.missing_fails else None
        if self.planned.cap is None and not -LARGEST <= reward <= LARGEST:  # NaN is not in between
            return None
        cap = self.planned.cap
        return reward if cap is None or self.binary else min(cap, max(-cap, reward))


def design_of(
    arms: Iterable[str], control: str, reward: RewardConfig | None, planned: PlannedConfig, by_request: bool
) -> Design:
    """Returns an experiment's design from its slices of the document.

    Args:
        arms: Names of all arms.
        control: The control arm.
        reward: The ``reward`` slice; None if there is none, and nothing is compared.
        planned: The ``planned`` slice.
        by_request: Whether each request is a unit of its own.
    """
    binary = reward is None or reward.type == "binary"
    missing_fails = reward is None or reward.missing == "failure"
    return Design(
        tuple(arms), control, binary, missing_fails, planned, by_request, reward.window if reward else 0.0
    )

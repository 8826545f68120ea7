"""The ``reward`` slice of an experiment: what counts as a reward, until when, and what a missing one means."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from foundation.config import Config
from foundation.quantities import Duration

METRIC = r"^[A-Za-z_][A-Za-z0-9_.-]*$"
"""What a metric's name looks like."""

Metric = Annotated[str, StringConstraints(pattern=METRIC, max_length=80)]


class RewardConfig(Config):
    """What tells a good answer from a bad one."""

    metric: Metric = "reward"
    """Name of the reward, which those who report it repeat."""
    type: Literal["binary", "number"] = "binary"
    """binary: 0 or 1, false or true; number: any finite number."""
    window: Annotated[Duration, Field(gt=0)] = 86400.0
    """How long after a unit's first request its reward may arrive. The unit is counted when the window closes."""
    repeated: Literal["first", "last"] = "first"
    """Which value counts if one unit's reward is reported more than once."""
    missing: Literal["failure", "excluded"] = "failure"
    """What a unit without a reward counts as when its window closes: a reward of 0, or nothing at all."""
    most_units: int = Field(default=5_000_000, ge=1)
    """The most units that are remembered at a time; further ones are assigned and counted, but not evaluated."""

    def counted(self, reward: float | None) -> float | None:
        """Returns the value that a unit counts with once its window is closed; None means that it is left out."""
        return 0.0 if reward is None and self.missing == "failure" else reward

"""The base of all modes: from the rewards of the arms to the shares of the next interval."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from serving.experiments.modes.bounds import bounded, lifted

if TYPE_CHECKING:
    from serving.experiments.modes.config import ModeConfig

LEARNING = frozenset({"every", "floor", "control_floor", "step", "stickiness", "epoch", "half_life", "seed"})
"""The settings of every mode that learns."""


@dataclass(frozen=True, slots=True)
class ArmRewards:
    """What an arm has earned from units whose window has closed.

    Attributes:
        arm: Its name.
        units: Closed units; less than a whole number if rewards fade.
        total: The sum of their rewards.
        squares: The sum of the squares of their rewards.
        pending: Units whose window is still open: shown, never counted.
    """

    arm: str
    units: float = 0.0
    total: float = 0.0
    squares: float = 0.0
    pending: int = 0

    @property
    def mean(self) -> float:
        """The mean reward; 0 without units."""
        return self.total / self.units if self.units else 0.0


class Mode(ABC):
    """One way to divide traffic. Its shares are frozen for an interval, so they are the propensities.

    Args:
        config: Its settings.
        control: The name of control.
        binary: Whether rewards are 0 or 1.
    """

    type: ClassVar[str]
    """Its name in the document."""
    keys: ClassVar[frozenset[str]] = LEARNING
    """The settings that it reads."""
    learns: ClassVar[bool] = True
    """Whether shares move with rewards."""
    contextual: ClassVar[bool] = False
    """Whether shares depend on the request: then the class is a ``ContextualMode``."""

    def __init__(self, config: ModeConfig, control: str, *, binary: bool) -> None:
        self.config, self.control, self.binary = config, control, binary

    def allocate(self, arms: Sequence[ArmRewards], current: Sequence[float], rng: Any) -> list[float]:
        """Returns the shares of the next interval.

        Args:
            arms: The arms that take part, with control; one that was taken out is left out.
            current: Their shares in the interval that ends; 0 for a new arm. Scaled to add up to one.
            rng: The interval's ``numpy.random.Generator``: ``interval_rng``.

        Returns:
            Shares in the order of the arms: they add up to one, keep all floors, and none has moved by more than
            ``step`` (further only if ``current`` broke a floor).
        """
        if not self.learns:
            return lifted(current, [0.0] * len(arms))
        names = [arm.arm for arm in arms]
        floors = self.config.floors(len(arms), names.index(self.control))
        return bounded(self.wishes(arms, rng), current, floors, self.config.step)

    @abstractmethod
    def wishes(self, arms: Sequence[ArmRewards], rng: Any) -> list[float]:
        """Returns what each arm would get if there were no bounds; any scale.

        Args:
            arms: The arms with their rewards.
            rng: The interval's ``numpy.random.Generator``.
        """

    def to_json(self) -> dict[str, Any]:
        """Returns what the mode has learned beyond the sums of rewards, as plain JSON."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:  # noqa: B027 - most modes keep nothing
        """Takes back what ``to_json`` returned; the mode then goes on exactly as before."""


class ContextualMode(Mode):
    """A mode whose shares depend on the features of a request, by parameters that are frozen for an interval."""

    contextual: ClassVar[bool] = True

    @abstractmethod
    def context(self, features: Mapping[str, object]) -> list[float | None]:
        """Returns the numbers of a context, None where one is missing: what ``probabilities`` and ``learn`` take, and what an exposure keeps."""

    @abstractmethod
    def probabilities(
        self, context: Sequence[float | None], arms: Sequence[str] | None = None
    ) -> list[float]:
        """Returns each arm's probability for this context under the frozen parameters: the propensity, to be logged.

        Args:
            context: From ``context``.
            arms: The arms that take part; None means those of the last ``allocate``.
        """

    @abstractmethod
    def learn(self, arm: str, context: Sequence[float | None], reward: float) -> None:
        """Takes the reward of a unit whose window has closed; it counts from the next interval on."""


def interval_rng(seed: int, interval: int) -> Any:
    """Returns the random generator of an interval: whichever replica computes it, the shares are the same."""
    import numpy as np

    return np.random.default_rng([seed, interval])

"""Units with known behaviour: how they are assigned, with fixed weights or moving ones, and what they give."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from serving.experiments.statistics.simulate.looks import Units

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np

    Array = np.ndarray[Any, Any]
    Rewards = Callable[[np.random.Generator, Array], Array]
    """Returns the rewards of units by the number of their arm."""


class Allocate(Protocol):
    """Returns each arm's next share from what is known; arrays of experiment × arm."""

    def __call__(self, counts: Array, totals: Array, squares: Array, current: Array) -> Array:
        """Returns the shares.

        Args:
            counts: Units of each arm whose window is closed.
            totals: Sum of their rewards.
            squares: Sum of the squares.
            current: The shares now.
        """


@dataclass(frozen=True)
class Interval:
    """How often weights move.

    Attributes:
        units: Units between two changes.
        late: Changes until a unit's reward is known.
    """

    units: int
    late: int = 0


def binary(rates: Sequence[float]) -> Rewards:
    """Returns rewards of 0 and 1 with each arm's rate."""
    import numpy as np

    known = np.asarray(rates)
    return lambda rng, arms: (rng.random(arms.shape) < known[arms]).astype(float)


def normal(means: Sequence[float], deviations: Sequence[float]) -> Rewards:
    """Returns normally distributed rewards."""
    import numpy as np

    mean, deviation = np.asarray(means), np.asarray(deviations)
    return lambda rng, arms: mean[arms] + deviation[arms] * rng.standard_normal(arms.shape)


def fixed(
    rng: np.random.Generator, shape: tuple[int, int], weights: Sequence[float], rewards: Rewards
) -> Units:
    """Returns units that are assigned with fixed weights.

    Args:
        rng: Random numbers.
        shape: Experiments, and units of each.
        weights: Each arm's weight.
        rewards: What the units give.
    """
    import numpy as np

    shares = np.asarray(weights)
    arms = assign(rng, np.broadcast_to(shares, (shape[0], len(shares))), shape[1])
    return Units(arms, rewards(rng, arms), [np.full((1, 1), share) for share in weights])


def assign(rng: np.random.Generator, shares: Array, units: int) -> Array:
    """Returns the arms of units, experiment × unit, for shares of experiment × arm."""
    import numpy as np

    drawn = rng.random((len(shares), units))
    arms = np.zeros(drawn.shape, dtype=np.int8)
    for edge in shares.cumsum(axis=1)[:, :-1].T:
        arms += drawn >= edge[:, None]
    return arms


def moving(
    rng: np.random.Generator,
    shape: tuple[int, int],
    weights: Sequence[float],
    rewards: Rewards,
    allocate: Allocate,
    interval: Interval,
) -> Units:
    """Returns units that are assigned with weights that follow the rewards.

    Args:
        rng: Random numbers.
        shape: Experiments, and units of each.
        weights: Each arm's first weight.
        rewards: What the units give.
        allocate: The rule.
        interval: How often it is asked, and how late rewards are.
    """
    import numpy as np

    shares = np.tile(np.asarray(weights, dtype=float), (shape[0], 1))
    known = np.zeros((3, shape[0], shares.shape[1]))
    parts: list[tuple[Array, Array, Array]] = []  # arms, rewards, and shares of experiment × arm
    for begin in range(0, shape[1], interval.units):
        arms = assign(rng, shares, min(interval.units, shape[1] - begin))
        parts.append((arms, rewards(rng, arms), shares))
        if len(parts) > interval.late:
            known += _sums(*parts[-1 - interval.late][:2], shares.shape[1])
            shares = allocate(known[0], known[1], known[2], shares)
    arms, values = (np.concatenate([part[which] for part in parts], axis=1) for which in (0, 1))
    lengths = [part[0].shape[1] for part in parts]
    every = np.repeat(np.stack([part[2] for part in parts], axis=2), lengths, axis=2)
    return Units(arms, values, [every[:, arm] for arm in range(every.shape[1])])


def _sums(arms: Array, values: Array, number: int) -> Array:
    import numpy as np

    sides = [arms == arm for arm in range(number)]
    return np.stack(
        [np.stack([(side * values**power).sum(axis=1) for side in sides], axis=1) for power in (0, 1, 2)]
    )


def thompson(rng: np.random.Generator, floor: float, draws: int = 200, step: float = 1.0) -> Allocate:
    """Returns Thompson sampling frozen per interval, for rewards of 0 and 1: ``floor + (1 - K floor) P(best)``.

    Args:
        rng: Random numbers.
        floor: The least share of an arm.
        draws: Draws from the posterior.
        step: The most that a share changes at a time.
    """
    import numpy as np

    def allocate(counts: Array, totals: Array, squares: Array, current: Array) -> Array:
        del squares
        drawn = rng.beta(1 + totals[..., None], 1 + (counts - totals)[..., None], (*counts.shape, draws))
        best = drawn.argmax(axis=1)
        chance = np.stack([(best == arm).mean(axis=1) for arm in range(counts.shape[1])], axis=1)
        aim = floor + (1 - counts.shape[1] * floor) * chance
        moved = aim - current
        largest = np.maximum(abs(moved).max(axis=1, keepdims=True), 1e-12)
        return np.asarray(current + moved * np.minimum(1.0, step / largest))

    return allocate

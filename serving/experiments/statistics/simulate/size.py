"""How small a difference a planned size finds, and which size finds a difference: by formula, in an instant."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from serving.experiments.statistics.rates import RateDifference
from serving.experiments.statistics.sequence import radius, tuned

if TYPE_CHECKING:
    from collections.abc import Mapping

    from serving.experiments.statistics.design import Design

_POWER = 0.8416
"""Standard errors below which an estimate falls in 20% of experiments."""
_LARGEST = 2**40


def smallest_difference(
    design: Design, mean: float, deviation: float, shares: Mapping[str, float], units: int | None = None
) -> float:
    """Returns about the smallest difference that 80% of experiments find by the planned size, with fixed weights.

    It is the half-width there plus 0.84 standard errors, for the arm with the smallest weight.

    Args:
        design: The experiment.
        mean: Control's mean reward.
        deviation: Standard deviation of rewards that are numbers.
        shares: The arms' weights.
        units: The planned units; None means as planned.
    """
    units = units or design.planned.units
    one = mean * (1 - mean) if design.binary else deviation**2
    weights = min(shares[arm] for arm in design.challengers), shares[design.control]
    if not (min(weights) > 0 and one > 0):
        return math.inf
    variance = units * one * sum(1 / weight for weight in weights)
    half = _half(design, mean, variance, weights, units)
    return half + _POWER * math.sqrt(variance) / units


def _half(design: Design, mean: float, variance: float, weights: tuple[float, float], units: int) -> float:
    if design.binary and design.planned.interval == "exact":
        counts = [round(units * weight) for weight in reversed(weights)]
        seen = RateDifference(counts, [round(mean * count) for count in counts]).interval(design.alpha)
        return math.inf if seen.high is None or seen.estimate is None else seen.high - seen.estimate
    sides = 2 if design.planned.sides == "two" else 1
    r = tuned(variance, design.alpha * (1 if sides == 2 else 2))
    return radius(variance, r, design.alpha, sides) / units


def units_for(
    design: Design, difference: float, mean: float, deviation: float, shares: Mapping[str, float]
) -> int | None:
    """Returns about how many planned units find a difference in 80% of experiments; None if none do.

    Args:
        design: The experiment.
        difference: By how much an arm is better than the margin asks for.
        mean: Control's mean reward.
        deviation: Standard deviation of rewards that are numbers.
        shares: The arms' weights.
    """
    high = 100
    while smallest_difference(design, mean, deviation, shares, high) > difference:
        high *= 2
        if high > _LARGEST or difference <= 0:
            return None
    low = high // 2
    while high - low > max(1, high // 100):
        middle = (low + high) // 2
        found = smallest_difference(design, mean, deviation, shares, middle) <= difference
        low, high = (low, middle) if found else (middle, high)
    return rounded_up(high)


def rounded_up(units: int) -> int:
    """Returns a number of units with two digits that count, rounded up."""
    step = 10 ** max(0, len(str(units)) - 2)
    return -(-units // step) * step

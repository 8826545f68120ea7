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
_ROUNDS = 3
_AMPLE = 1.3
"""Expected successes for each one that the first look needs, so that nearly all experiments have it."""
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

    Returns:
        The difference; infinite if the first look does not come in time, or nothing varies.
    """
    units = units or design.planned.units
    weights = min(shares[arm] for arm in design.challengers), shares[design.control]
    if min(weights) <= 0 or (design.binary and not 0 < mean < 1) or not (design.binary or deviation > 0):
        return math.inf
    if design.binary and units * min(weights) * min(mean, 1 - mean) < _AMPLE * first_look(design):
        return math.inf
    found = 0.0
    for _ in range(_ROUNDS):  # the difference itself changes the arm's variance
        arm = min(0.5, mean + found) if mean < 0.5 else mean + found
        spreads = (
            (arm * max(0.0, 1 - arm), mean * (1 - mean)) if design.binary else (deviation**2, deviation**2)
        )
        variance = units * sum(spread / weight for spread, weight in zip(spreads, weights, strict=True))
        found = _half(design, mean, variance, weights, units) + _POWER * math.sqrt(variance) / units
    return found


def first_look(design: Design) -> int:
    """Returns how many successes, and failures, each arm needs before it may be looked at."""
    return 1 if design.planned.interval == "exact" else design.planned.minimum


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

"""How many more units a verdict is likely to need."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from serving.experiments.statistics.first_look import seen
from serving.experiments.statistics.rates import RateDifference
from serving.experiments.statistics.sequence import radius

if TYPE_CHECKING:
    from collections.abc import Callable

    from serving.experiments.statistics.evidence import Evidence

_PATHS, _STEPS, _HORIZON = 400, 120, 128.0
"""Possible futures, moments at which each is looked at, and up to how many times the present units."""
_MOST = 2.0**40


def units_needed(evidence: Evidence, arm: str) -> float | None:
    """Returns how many units in all the comparison is likely to need: half of the possible futures are decided by then.

    A future is a random walk from the present sum, with the variance so far and a drift that is drawn from what the estimate
    leaves open, N(estimate, variance of the estimate).

    Args:
        evidence: What was seen so far.
        arm: The arm that is compared with control.

    Returns:
        The number of units; None if it cannot be said, or there is no end in sight.
    """
    design, comparison = evidence.design, evidence.comparisons[arm]
    now = comparison.pseudo.count
    if not now or not comparison.pseudo.variance:
        return None
    sign = 1.0 if design.planned.better == "higher" else -1.0
    if design.binary and design.planned.interval == "exact":
        return _smallest(now, _exact(evidence, arm, sign * design.planned.margin))
    trial = replace(comparison)
    if not trial.r:
        trial.tune(design)
    gap = sign * comparison.pseudo.mean - design.planned.margin
    sides = 2 if design.planned.sides == "two" else 1
    needed = passage(gap, trial.variance, now, trial.r, design.alpha, sides)
    return None if needed is None else max(needed, now * _first_look(evidence, arm))


def passage(
    gap: float, variance: float, units: int, r: float, alpha: float, sides: int = 2, seed: int = 0
) -> float | None:
    """Returns by when half of the possible futures have left the interval's bounds; None if that is too far.

    Args:
        gap: Estimate less margin.
        variance: Sum of the variances so far.
        units: Units so far.
        r: The constant of the sequence.
        alpha: Chance of ever missing.
        sides: 2 or 1.
        seed: Seed of the futures.
    """
    import numpy as np

    rng = np.random.default_rng(seed)
    times = units * np.geomspace(1.0, _HORIZON, _STEPS + 1)
    steps, later = np.diff(times), times[1:]
    drift = gap + math.sqrt(variance) / units * rng.standard_normal((_PATHS, 1))
    noise = np.sqrt(variance / units * steps) * rng.standard_normal((_PATHS, _STEPS))
    sums = units * gap + (drift * steps + noise).cumsum(axis=1)
    bounds = np.array([radius(variance * time / units, r, alpha, sides) for time in later])
    outside = abs(sums) > bounds
    first = np.where(outside.any(axis=1), later[outside.argmax(axis=1)], math.inf)
    middle = float(np.median(first))
    return middle if math.isfinite(middle) else None


def _exact(evidence: Evidence, arm: str, margin: float) -> Callable[[float], bool]:
    """Returns whether the exact interval would decide if the shares of successes stayed as they are."""
    rates, total = evidence.rates(arm), evidence.comparisons[arm].pseudo.count

    def decided(units: float) -> bool:
        grown = RateDifference(
            [round(n * units / total) for n in rates.units],
            [round(n * units / total) for n in rates.successes],
        )
        return grown.excludes(margin, evidence.design.alpha)

    return decided


def _first_look(evidence: Evidence, arm: str) -> float:
    """Returns the factor by which units must grow until the first look."""
    design = evidence.design
    counts = [seen(evidence.means[name], design.binary)[0] for name in (arm, design.control)]
    return design.planned.minimum / max(1, min(counts))


def _smallest(now: float, decided: Callable[[float], bool]) -> float | None:
    high = 1.0
    while not decided(now * high):
        high *= 2.0
        if high > _MOST:
            return None
    low = high / 2
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (low, middle) if decided(now * middle) else (middle, high)
    return now * high

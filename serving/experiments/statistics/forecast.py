"""How many more units a verdict is likely to need."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from serving.experiments.statistics.first_look import seen
from serving.experiments.statistics.rates import RateDifference

if TYPE_CHECKING:
    from collections.abc import Callable

    from serving.experiments.statistics.evidence import Evidence

_MOST = 2.0**40
"""Factor beyond which a verdict is not to be expected."""


def units_needed(evidence: Evidence, arm: str) -> float | None:
    """Returns how many units in all the comparison is likely to need if the difference stays as it is.

    The interval's half-width shrinks with about the square root of the units; the forecast is where it becomes smaller than
    the distance of the estimate from the margin.

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
    gap = abs(sign * comparison.pseudo.mean - design.planned.margin)
    sides = 2 if design.planned.sides == "two" else 1
    needed = _smallest(now, lambda units: trial.margin_of_error(design.alpha, sides, units) < gap)
    return None if needed is None else max(needed, now * _first_look(evidence, arm))


def _exact(evidence: Evidence, arm: str, margin: float) -> Callable[[float], bool]:
    rates, total = evidence.rates(arm), evidence.comparisons[arm].pseudo.count

    def decided(units: float) -> bool:
        grown = RateDifference(
            [round(n * units / total) for n in rates.units],
            [round(n * units / total) for n in rates.successes],
        )
        return grown.excludes(margin, evidence.design.alpha)

    return decided


def _first_look(evidence: Evidence, arm: str) -> float:
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

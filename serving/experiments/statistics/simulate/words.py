"""Says in lines what a simulation found."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from foundation.numbers import bound, exact, percent
from serving.experiments.statistics.simulate.size import first_look

if TYPE_CHECKING:
    from serving.experiments.statistics.design import Design
    from serving.experiments.statistics.simulate.run import Simulated

_ENOUGH = 0.75
"""Power that is said without advice; the simulation itself is off by a few points."""
_GUESSED = {
    "rates": "the mean rewards (give planned.rates or --rate ARM=MEAN)",
    "deviation": "the deviation of rewards (give planned.deviation or --deviation)",
    "per_day": "the units a day (give planned.per_day or --per-day)",
}


def lines(name: str, design: Design, found: Simulated) -> Iterator[str]:
    """Yields the lines.

    Args:
        name: The experiment's name.
        design: The experiment.
        found: What the simulation found.
    """
    planned, means, noun = design.planned, found.assumed.means, design.noun
    given = ", ".join(f"{arm} {_mean(design, mean)}" for arm, mean in means.items())
    yield f"{name}: {found.experiments} simulated experiments of {planned.units:,} {noun}s; mean rewards {given}"
    if found.assumed.guessed:
        yield f"  guessed: {'; '.join(_GUESSED[each] for each in found.assumed.guessed)}"
    yield f"  {_power(design, found)}"
    yield (
        f"  verdict after {found.median_units:,} {noun}s in the middle, {found.median_days:,.1f} days; "
        f"{percent(found.early)} before the planned size"
    )
    yield f"  an arm is promoted although all are alike: {percent(found.false_promotions)} (alpha is {bound(planned.alpha)})"
    yield f"  smallest difference that is found in 80%{', with fixed weights' if found.moving else ''}: {_difference(design, found.smallest)}"
    yield (
        f"  rewards lost against the best arm: {found.regret:.3g} per 1,000 {noun}s; with equal weights {found.regret_equal:.3g}"
    )


def _power(design: Design, found: Simulated) -> str:
    wrong = f"; another arm is promoted: {percent(found.wrong)}" if found.wrong else ""
    if found.best == design.control:
        return (
            f"no arm is better by more than the margin; {design.control} stays: {percent(found.right)}{wrong}"
        )
    return f"power: {found.best} is promoted by then in {percent(found.right)}{wrong}{_advice(design, found)}"


def _advice(design: Design, found: Simulated) -> str:
    if found.right >= _ENOUGH or found.units_for_power is None:
        return ""
    more = " with fixed weights, and more with moving ones" if found.moving else ""
    return f"; for 80% plan about {found.units_for_power:,} {design.noun}s{more}"


def _mean(design: Design, mean: float) -> str:
    return bound(mean) if design.binary else exact(mean)


def _difference(design: Design, value: float | None) -> str:
    if value is None:
        return f"none; the planned size ends before the first look ({first_look(design)} successes and failures in each arm)"
    return f"about {100 * value:.2g} points" if design.binary else f"about {value:.3g}"

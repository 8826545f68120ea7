"""When each of many simulated experiments gets its verdict, and which one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from serving.experiments.statistics.simulate.exact import counts_at, excluded, look_points
from serving.experiments.statistics.simulate.looks import looks

if TYPE_CHECKING:
    import numpy as np

    from serving.experiments.statistics.design import Design
    from serving.experiments.statistics.simulate.looks import Units

    Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Verdicts:
    """The first verdict of each experiment.

    Attributes:
        at: Units until then; the number of simulated units if there was none.
        promoted: Number of the arm that was promoted; -1 if control was kept or there was no verdict.
        decided: Whether there was a verdict before the units ended.
    """

    at: Array
    promoted: Array
    decided: Array


def verdicts(design: Design, units: Units) -> Verdicts:
    """Returns the first verdicts: the first arm that is better, or control once every arm is not better.

    Args:
        design: The experiment.
        units: Its units.
    """
    import numpy as np

    sides = [_sides(design, units, arm) for arm in design.challengers]
    total = units.arms.shape[1]
    better = np.stack([_first(up, at, total) for up, _, at in sides])
    worse = np.stack([_first(down, at, total) for _, down, at in sides])
    best, promote, keep = better.argmin(axis=0), better.min(axis=0), worse.max(axis=0)
    promoted = (promote <= total) & (promote <= keep)
    numbers = np.array([design.arms.index(arm) for arm in design.challengers])
    first = np.minimum(promote, keep)
    return Verdicts(np.minimum(first, total), np.where(promoted, numbers[best], -1), first <= total)


def _sides(design: Design, units: Units, arm: str) -> tuple[Array, Array, Array]:
    """Returns where an arm is shown to be better and not better, and after how many units these looks are."""
    import numpy as np

    planned, total = design.planned, units.arms.shape[1]
    sign = 1.0 if planned.better == "higher" else -1.0
    if design.binary and planned.interval == "exact":
        at = look_points(total)
        counts, successes = counts_at(design, units, arm, at)
        above, below = excluded(counts, successes, sign * planned.margin, design.alpha)
        return (above, below, at) if sign > 0 else (below, above, at)
    seen = looks(design, units, arm)
    toward = sign * seen.estimate
    better, worse = toward - seen.half > planned.margin, toward + seen.half < planned.margin
    return better, worse, np.arange(1, total + 1)


def _first(hits: Array, at: Array, total: int) -> Array:
    """Returns after how many units the first hit is; more than all of them if there is none."""
    import numpy as np

    return np.where(hits.any(axis=1), at[hits.argmax(axis=1)], total + 1)

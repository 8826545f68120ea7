"""The second layer's third comparison: an arm that earns less than control by more than is allowed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from foundation.config import allowed
from foundation.numbers import exact
from serving.experiments.statistics.first_look import waiting

if TYPE_CHECKING:
    from serving.experiments.statistics.evidence import Evidence


def reward_reason(evidence: Evidence, arm: str, allowance: float | str, alpha: float) -> str:
    """Returns why an arm is to be taken out for its rewards; empty if it is no worse than allowed as far as is known.

    The verdict's sequences at an error of their own: one end of the asymptotic one, and for rewards of 0 and 1 the exact one
    too, which needs no first successes: an arm that never earns is seen as well. They share the error.

    Args:
        evidence: What the experiment has shown so far.
        arm: The arm.
        allowance: How much less it may earn: in the reward's unit, or a share of control's mean.
        alpha: Chance that an arm no worse than allowed is ever taken out for this.
    """
    design, comparison = evidence.design, evidence.comparisons.get(arm)
    if comparison is None:
        return ""
    one, zero = evidence.means[arm], evidence.means[design.control]
    margin = allowed(allowance, zero.values.mean)
    sign = -1.0 if design.planned.better == "lower" else 1.0
    half = alpha / 2 if design.binary else alpha
    early = waiting(comparison, one, zero, design.binary, design.planned.minimum)
    seen = comparison.interval(half, 1, early)
    upper = seen.high if sign > 0 else None if seen.low is None else -seen.low
    worse = upper is not None and upper < -margin
    if not worse and design.binary:
        rates = evidence.rates(arm)
        estimate = rates.estimate
        worse = estimate is not None and sign * estimate < -margin and rates.excludes(-sign * margin, half)
    if not worse:
        return ""
    said = f"{allowance} of control's" if isinstance(allowance, str) else exact(allowance)
    means = f"{one.values.mean:.4g} over {one.values.count}, control {zero.values.mean:.4g} over {zero.values.count}"
    return f"mean reward {means}: worse than control by more than {said}"

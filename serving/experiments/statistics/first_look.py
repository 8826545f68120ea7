"""When a comparison may be looked at for the first time: not before its mean is near a normal distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from serving.experiments.statistics.arm_mean import ArmMean
    from serving.experiments.statistics.comparison import Comparison


def seen(mean: ArmMean, binary: bool) -> tuple[int, str]:
    """Returns how many rewards of an arm tell something, and what they are called."""
    values = mean.values
    if not binary:
        return int(values.effective), "rewards in effect"
    successes = round(values.mean * values.count)
    return min((successes, "successes"), (values.count - successes, "failures"))


def waiting(comparison: Comparison, one: ArmMean, zero: ArmMean, binary: bool, minimum: int) -> str:
    """Returns why it is too early to look, or an empty string.

    Rewards of 0 and 1 need ``minimum`` successes and failures in each arm (with fewer, simulations missed up to 67%
    where 5% were allowed). Numbers need as many in effect; see ``Moments.effective``.

    Args:
        comparison: The comparison.
        one: The arm's rewards.
        zero: Control's rewards.
        binary: Whether rewards are 0 or 1.
        minimum: The least number.
    """
    for name, mean in ((comparison.arm, one), (comparison.control, zero)):
        fewest, word = seen(mean, binary)
        if fewest < minimum:
            return f"{name} has {fewest} of the {minimum} {word} that the first look needs"
    if comparison.pseudo.effective < minimum:
        return f"few units decide between {comparison.arm} and {comparison.control} so far: too early for the first look"
    return ""

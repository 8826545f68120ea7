"""Off-policy estimates: inverse propensity (IPS), self-normalised (SNIPS) and doubly robust (DR), or why there are none.

With ``w = pi(a) / q`` for the arm a that a unit got: IPS is the mean of ``w y``, SNIPS is ``sum(w y) / sum(w)``, and DR is the mean
of ``E_pi mu + w (y - mu(a))``. Sources: Horvitz and Thompson 1952; Swaminathan and Joachims, NeurIPS 2015; Dudik, Langford
and Li, ICML 2011. Intervals are normal ones, for one look.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

LEAST = 100
"""Effective units below which nothing is estimated."""
LEAST_IN_EFFECT = 30
"""Rewards in effect, after weighting, below which a mean is not near a normal distribution."""
_FARTHEST = 3.0
"""Standard errors that the mean weight may be away from 1."""


@dataclass(frozen=True)
class Value:
    """An estimated mean reward with its interval."""

    estimate: float
    low: float
    high: float


@dataclass(frozen=True)
class Estimates:
    """What a policy would have earned per unit.

    Attributes:
        units: Units with a reward.
        effective: Effective sample size, ``(sum w)^2 / sum w^2``.
        mean_weight: Mean weight; 1 if the probabilities are right.
        refused: Why there is no estimate; empty if there is one.
        ips: Inverse propensity.
        snips: Self-normalised.
        dr: Doubly robust: usually the narrowest.
    """

    units: int
    effective: float
    mean_weight: float
    refused: str = ""
    ips: Value | None = None
    snips: Value | None = None
    dr: Value | None = None

    def to_json(self) -> dict[str, Any]:
        """Returns them as plain JSON."""
        return asdict(self)


def estimate(
    weights: Array, rewards: Array, expected: Array, expected_of_policy: Array, alpha: float = 0.05
) -> Estimates:
    """Returns the estimates, or why there are none.

    Args:
        weights: Probability of the unit's arm under the policy, divided by the one that it was assigned with.
        rewards: Its reward.
        expected: Reward expected of it in its own arm, from earlier units alone.
        expected_of_policy: The same, averaged over the policy's arms.
        alpha: Chance of missing, each.
    """
    n = len(weights)
    total, squares = float(weights.sum()), float((weights**2).sum())
    effective, mean = (total * total / squares if squares else 0.0), (total / n if n else 0.0)
    if refused := _refusal(weights, effective, mean):
        return Estimates(n, effective, mean, refused)
    ips, dr = weights * rewards, expected_of_policy + weights * (rewards - expected)
    ratio = float(ips.sum()) / total
    linear = ratio + weights * (rewards - ratio) * (n / total)
    short = min(_in_effect(ips), _in_effect(linear))
    if short < LEAST_IN_EFFECT:
        refused = f"only {short:.0f} rewards in effect after weighting, {LEAST_IN_EFFECT} are needed: a few units decide"
        return Estimates(n, effective, mean, refused)
    z = NormalDist().inv_cdf(1 - alpha / 2)
    return Estimates(
        n, effective, mean, "", _value(ips, None, z), _value(linear, ratio, z), _value(dr, None, z)
    )


def _refusal(weights: Array, effective: float, mean: float) -> str:
    n = len(weights)
    if n < LEAST:
        return f"{n:,} units with a reward, {LEAST} are needed"
    if not mean:
        return "no unit got an arm that the policy would use"
    error = float(weights.std(ddof=1)) / math.sqrt(n)
    if abs(mean - 1) > max(_FARTHEST * error, 1e-9):
        return (
            f"the mean weight is {mean:.3g} where 1 is expected (standard error {error:.2g}): the logged probabilities are not "
            "those that assigned, or records are missing"
        )
    if effective < LEAST:
        return f"the policy is too far from the one that assigned: {n:,} units tell as much as {effective:.0f}, {LEAST} are needed"
    return ""


def _in_effect(values: Array) -> float:
    squares = (values - values.mean()) ** 2
    fourths = float((squares**2).sum())
    return float(squares.sum()) ** 2 / fourths if fourths else math.inf


def _value(values: Array, middle: float | None, z: float) -> Value:
    """Returns mean and interval, as if the largest deviation had been seen once more.

    The quantile is Student's for as many units as count in effect, by its expansion ``z + (z^3 + z) / (4 n)``.
    """
    n, mean = len(values), float(values.mean()) if middle is None else middle
    squares = (values - mean) ** 2
    quantile = z + (z**3 + z) / (4 * max(1.0, _in_effect(values)))
    half = quantile * math.sqrt(float(squares.sum() + squares.max())) / n
    return Value(mean, mean - half, mean + half)

"""What ``Comparison`` says after every unit of many experiments at once; the same numbers, computed with NumPy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from serving.experiments.statistics.comparison import FIRST, SKEWED, UNEVEN
from serving.experiments.statistics.sequence import tuned

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from serving.experiments.statistics.design import Design

    Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Units:
    """Units of many experiments, in the order of closing; arrays of experiment × unit.

    Attributes:
        arms: The arm's number in the design.
        values: The reward.
        shares: Each arm's probability when the unit was assigned; an array for each arm, or what fits to one.
        scores: A score known before; None if there is none.
    """

    arms: Array
    values: Array
    shares: Sequence[Array]
    scores: Array | None = None


@dataclass(frozen=True)
class Looks:
    """What was seen after each unit; arrays of experiment × unit.

    Attributes:
        estimate: The difference.
        half: Half the interval's width; infinite before the first look.
        units: Units that count in the comparison.
        error: Standard error of the estimate, for one look that was planned beforehand.
        variance: Sum of the variances, as the interval takes it.
        r: The constant of the sequence of each experiment; experiment × 1.
    """

    estimate: Array
    half: Array
    units: Array
    error: Array
    variance: Array
    r: Array

    def missed(self, truth: float) -> Array:
        """Returns which experiments ever missed the true difference."""
        return (abs(self.estimate - truth) > self.half).any(axis=1)

    def first(self, margin: float = 0.0) -> tuple[Array, Array]:
        """Returns the number of units at the first verdict, and whether it was for the arm.

        Args:
            margin: By how much the arm must be better.

        Returns:
            The number of units of each experiment; 0 means there was no verdict. And whether the arm was promoted.
        """
        import numpy as np

        promoted, kept = self.estimate - self.half > margin, self.estimate + self.half < margin
        decided = promoted | kept
        at = decided.argmax(axis=1)
        any_ = decided.any(axis=1)
        return np.where(any_, at + 1, 0), any_ & promoted[np.arange(len(at)), at]


def looks(design: Design, units: Units, arm: str) -> Looks:
    """Returns what an experimenter who looks after every unit sees.

    Args:
        design: The experiment.
        units: The units.
        arm: The arm that is compared with control.
    """
    import numpy as np

    with np.errstate(all="ignore"):
        numbers = [design.arms.index(name) for name in (arm, design.control)]
        sides, shares = (
            [units.arms == number for number in numbers],
            [units.shares[number] for number in numbers],
        )
        before = [_before(side, units) for side in sides]
        taught = np.minimum(before[0].count, before[1].count) >= FIRST
        mu = [each.expected(units.scores) for each in before]
        plain = [
            np.where(taught & side, units.values - each, 0.0) for side, each in zip(sides, mu, strict=True)
        ]
        residuals = [each / share for each, share in zip(plain, shares, strict=True)]
        pseudo = np.where(taught, mu[0] - mu[1] + residuals[0] - residuals[1], 0.0)
        count = taught.cumsum(axis=1)
        mean, squares, cubes, effective = _moments(pseudo, count)
        error = np.sqrt(squares) / np.maximum(1, count)
        skewed = 1 + SKEWED * abs(cubes) / np.maximum(squares, 1e-300) ** 1.5
        squares += sum(np.maximum.accumulate(residual**2, axis=1) for residual in residuals)
        expected = sum(
            _spread(side & taught, each, share, taught)
            for side, each, share in zip(sides, plain, shares, strict=True)
        )
        squares = np.maximum(np.where(squares > UNEVEN * expected, squares * skewed, squares), expected)
        minimum = design.planned.minimum
        opened = (count > 0) & (effective >= minimum)
        for side in sides:
            opened &= _seen(design, side, units.values) >= minimum
        half, r = _half(design, squares, count, opened)
        return Looks(mean, half, count, error, squares, r)


def _spread(side: Array, residual: Array, share: Array, taught: Array) -> Array:
    """Returns an arm's variance times the sum of 1/q."""
    import numpy as np

    square: Array = residual**2
    inverse = (taught / share).cumsum(axis=1)
    variance = (square.cumsum(axis=1) + np.maximum.accumulate(square, axis=1)) / np.maximum(
        1, side.cumsum(axis=1)
    )
    return np.asarray(variance * inverse)


@dataclass(frozen=True)
class _Before:
    """What the units before each unit let expect of an arm."""

    count: Array
    mean: Array
    score: Array | None = None
    value: Array | None = None
    slope: Array | None = None

    def expected(self, scores: Array | None) -> Array:
        if scores is None or self.slope is None:
            return self.mean
        return self.value + self.slope * (scores - self.score)


def _before(side: Array, units: Units) -> _Before:
    import numpy as np

    def past(each: Array) -> Array:
        total = each.cumsum(axis=1)
        return np.asarray(total - each)

    count = past(side.astype(np.int32))
    least = np.maximum(count, 1)
    mean = past(np.where(side, units.values, 0.0)) / least
    if units.scores is None:
        return _Before(count, mean)
    scores = np.where(side, units.scores, 0.0)
    score = past(scores) / least
    spread = past(scores**2) - least * score**2
    product = past(scores * units.values) - least * score * mean
    slope = np.where((count >= 30) & (spread > 1e-12), product / (spread * (1 + 1 / least)), 0.0)
    return _Before(count, mean, score, mean, slope)


def _moments(values: Array, count: Array) -> tuple[Array, Array, Array, Array]:
    """Returns the running mean, sums of second and third powers, and effective number; values that do not count are 0."""
    import numpy as np

    n = np.maximum(count, 1)
    sums = [(values**power).cumsum(axis=1) for power in (1, 2, 3, 4)]
    mean = sums[0] / n
    squares = np.maximum(sums[1] - n * mean**2, 0.0)
    fourths = sums[3] - 4 * mean * sums[2] + 6 * mean**2 * sums[1] - 3 * n * mean**4
    cubes = sums[2] - 3 * mean * sums[1] + 2 * n * mean**3
    return mean, squares, cubes, np.where(fourths > 0, squares**2 / fourths, 0.0)


def _seen(design: Design, side: Array, values: Array) -> Array:
    import numpy as np

    count = side.cumsum(axis=1)
    if design.binary:
        successes = np.where(side, values, 0.0).cumsum(axis=1)
        return np.minimum(successes, count - successes)
    first = values[side].mean() if side.any() else 0.0
    return _moments(np.where(side, values - first, 0.0), count)[3]


def _half(design: Design, squares: Array, count: Array, opened: Array) -> tuple[Array, Array]:
    import numpy as np

    alpha, two = design.alpha, design.planned.sides == "two"
    first = opened.argmax(axis=1)[:, None]
    planned = np.take_along_axis(squares, first, 1) * np.maximum(
        1.0, design.planned.units / np.maximum(1, np.take_along_axis(count, first, 1))
    )
    r = tuned(1.0, min(0.99, alpha * (1 if two else 2))) / planned
    scaled = squares * r + 1
    log_odds = np.log(np.sqrt(scaled) / alpha) if two else np.log1p(np.sqrt(scaled) / (2 * alpha))
    half = np.sqrt(2 * scaled / r * log_odds) / np.maximum(1, count)
    return np.where(opened, half, np.inf), r

"""Mean and central moments of a stream, one value at a time, without loss where the mean is large."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Moments:
    """Count, mean and sums of powers of the deviations from it.

    Source: Pébay, Formulas for robust, one-pass parallel computation of covariances and arbitrary-order statistical
    moments, SAND2008-6212.

    Attributes:
        count: Number of values.
        mean: Their mean.
        squares: Sum of the squared deviations.
        cubes: Sum of the third powers of the deviations.
        fourths: Sum of the fourth powers of the deviations.
    """

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0
    cubes: float = 0.0
    fourths: float = 0.0

    def add(self, value: float) -> None:
        """Takes one more value."""
        before = self.count
        self.count = n = before + 1
        delta = value - self.mean
        step = delta / n
        term = delta * step * before
        self.mean += step
        self.fourths += (
            term * step * step * (n * n - 3 * n + 3) + 6 * step * step * self.squares - 4 * step * self.cubes
        )
        self.cubes += term * step * (n - 2) - 3 * step * self.squares
        self.squares += term

    @property
    def variance(self) -> float:
        """The variance of the values; 0 if there are fewer than two."""
        return self.squares / (self.count - 1) if self.count > 1 else 0.0

    @property
    def effective(self) -> float:
        """The number of values that carry the variance: (sum of squares)^2 / sum of fourth powers.

        All but a few values equal, it is the number of the few: n p (1 - p) or so successes for a rare reward. It is n/3
        for the normal distribution. Below 30 or so a mean is not near a normal distribution yet.
        """
        return self.squares * self.squares / self.fourths if self.fourths > 0 else 0.0

    def to_json(self) -> list[float]:
        """Returns the state as plain JSON."""
        return [self.count, self.mean, self.squares, self.cubes, self.fourths]

    @classmethod
    def from_json(cls, value: list[float]) -> Moments:
        """Returns what ``to_json`` gave, exactly."""
        count, *rest = value
        return cls(int(count), *map(float, rest))

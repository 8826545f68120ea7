"""One arm's ridge regression, as sums that new rows add to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(slots=True)
class Regression:
    """The sums behind a linear regression on standardised features with an intercept.

    Attributes:
        rows: Number of rewards.
        products: Sum of ``z z'``, shape [d, d].
        targets: Sum of ``z y``, shape [d].
        squares: Sum of ``y * y``.
    """

    rows: float
    products: list[list[float]]
    targets: list[float]
    squares: float

    @classmethod
    def empty(cls, size: int) -> Regression:
        """Returns the sums of no rows, for ``size`` columns with the intercept's."""
        return cls(0.0, [[0.0] * size for _ in range(size)], [0.0] * size, 0.0)

    def add(self, z: Sequence[float], reward: float) -> None:
        """Adds a row."""
        self.rows += 1
        self.squares += reward * reward
        for i, one in enumerate(z):
            self.targets[i] += one * reward
            row = self.products[i]
            for j, other in enumerate(z):
                row[j] += one * other

    def fade(self, kept: float) -> None:
        """Makes everything so far count less."""
        self.rows *= kept
        self.squares *= kept
        self.targets = [kept * target for target in self.targets]
        self.products = [[kept * value for value in row] for row in self.products]

    def to_json(self) -> dict[str, Any]:
        """Returns the sums as plain JSON."""
        return asdict(self)

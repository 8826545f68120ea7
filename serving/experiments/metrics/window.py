"""Mean, deviation, minimum and maximum of the numbers of the last minutes, in constant space."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

from serving.experiments.metrics.families import WINDOW_SECONDS

_PARTS: Final = 10
_PART_SECONDS: Final = WINDOW_SECONDS / _PARTS


class Moments(NamedTuple):
    """What is known of some numbers.

    Attributes:
        number: How many there are.
        mean: Their mean.
        squares: The sum of their squared distances from it.
        smallest: The smallest.
        largest: The largest.
    """

    number: int = 0
    mean: float = 0.0
    squares: float = 0.0
    smallest: float = math.inf
    largest: float = -math.inf

    def merged(self, other: Moments) -> Moments:
        """Returns the moments of both together (Chan, Golub, LeVeque 1979)."""
        if not self.number or not other.number:
            return self if self.number else other
        count = self.number + other.number
        apart = other.mean - self.mean
        return Moments(
            count,
            self.mean + apart * other.number / count,
            self.squares + other.squares + apart * apart * self.number * other.number / count,
            min(self.smallest, other.smallest),
            max(self.largest, other.largest),
        )

    @property
    def deviation(self) -> float:
        """The standard deviation of the sample; 0 for a single number."""
        return math.sqrt(self.squares / (self.number - 1)) if self.number > 1 else 0.0


def moments(values: list[float]) -> Moments:
    """Returns the moments of finite numbers."""
    if not values:
        return Moments()
    mean = math.fsum(values) / len(values)
    squares = math.fsum((value - mean) ** 2 for value in values)
    return Moments(len(values), mean, squares, min(values), max(values))


class Window:
    """Slides in ten steps."""

    def __init__(self) -> None:
        self._parts: dict[int, Moments] = {}

    def add(self, values: list[float], now: float) -> None:
        """Adds finite numbers at a time, in seconds."""
        part = int(now // _PART_SECONDS)
        self._parts[part] = self._parts.get(part, Moments()).merged(moments(values))
        for old in [known for known in self._parts if known <= part - _PARTS]:
            del self._parts[old]

    def read(self, now: float) -> Moments:
        """Returns the moments of the window that ends at a time."""
        oldest = int(now // _PART_SECONDS) - _PARTS
        whole = Moments()
        for part, found in list(self._parts.items()):
            if part > oldest:
                whole = whole.merged(found)
        return whole

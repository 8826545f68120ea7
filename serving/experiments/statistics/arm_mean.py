"""Mean reward of an arm as a function of a score known before: what the next unit is expected to give."""

from __future__ import annotations

from dataclasses import dataclass, field

from serving.experiments.statistics.moments import Moments

_FIRST = 30
"""Scored units of an arm before its slope is used."""


@dataclass(slots=True)
class ArmMean:
    """Values of an arm, and the least-squares line through its scored ones.

    Attributes:
        values: Moments of the values.
        scored: Units with a score.
        score: Mean of the scores.
        value: Mean of the values of the scored units.
        spread: Sum of the squared deviations of the scores.
        product: Sum of the products of both deviations.
    """

    values: Moments = field(default_factory=Moments)
    scored: int = 0
    score: float = 0.0
    value: float = 0.0
    spread: float = 0.0
    product: float = 0.0

    def add(self, value: float, score: float | None) -> None:
        """Takes one more unit."""
        self.values.add(value)
        if score is None:
            return
        self.scored += 1
        delta = score - self.score
        self.score += delta / self.scored
        self.value += (value - self.value) / self.scored
        self.spread += delta * (score - self.score)
        self.product += delta * (value - self.value)

    @property
    def slope(self) -> float:
        """The slope, drawn towards 0 by one mean squared deviation; 0 while there are few scored units."""
        if self.scored < _FIRST or self.spread <= 0:
            return 0.0
        return self.product / (self.spread * (1.0 + 1.0 / self.scored))

    def expected(self, score: float | None) -> float:
        """Returns the value expected of a unit from the units before it alone."""
        slope = self.slope if score is not None else 0.0
        return self.values.mean if slope == 0.0 else self.value + slope * (score - self.score)  # type: ignore[operator]

    def to_json(self) -> list[object]:
        """Returns the state as plain JSON."""
        return [self.values.to_json(), self.scored, self.score, self.value, self.spread, self.product]

    @classmethod
    def from_json(cls, value: list) -> ArmMean:  # type: ignore[type-arg]
        """Returns what ``to_json`` gave, exactly."""
        values, scored, *rest = value
        return cls(Moments.from_json(values), int(scored), *map(float, rest))

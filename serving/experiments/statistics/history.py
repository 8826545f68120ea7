"""How an interval narrowed: at most about two hundred points, spread evenly over the units."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

POINTS = 200
"""Points that are kept; beyond it every second one is dropped and only half as many are added."""


@dataclass(slots=True)
class History:
    """Points ``[units, time, estimate, low, high]``; what is not known yet is None.

    Attributes:
        points: The points, oldest first.
        step: Units between two of them.
    """

    points: list[list[float | None]] = field(default_factory=list)
    step: int = 1

    def due(self, units: int) -> bool:
        """Returns whether a point is due at this number of units."""
        return units % self.step == 0

    def add(self, point: list[float | None]) -> None:
        """Takes one more point."""
        self.points.append(point)
        while len(self.points) > POINTS:
            self.step *= 2
            self.points = self.points[1::2]

    def to_json(self) -> dict[str, Any]:
        """Returns the state as plain JSON."""
        return {"points": [list(point) for point in self.points], "step": self.step}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> History:
        """Returns what ``to_json`` gave, exactly."""
        return cls([list(point) for point in value["points"]], int(value["step"]))

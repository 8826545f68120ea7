"""An interval of a difference, as one look at the experiment sees it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Interval:
    """A difference of mean rewards, arm less control.

    Attributes:
        estimate: The difference; None if it cannot be said yet.
        low: Lower end of the interval; None as long as ``waiting``.
        high: Upper end of the interval; None as long as ``waiting``.
        waiting: Why there is no interval yet; empty if there is one.
    """

    estimate: float | None
    low: float | None
    high: float | None
    waiting: str = ""

    def turned(self) -> Interval:
        """Returns the interval of the difference with the other sign."""
        estimate, low, high = (None if v is None else -v for v in (self.estimate, self.high, self.low))
        return Interval(estimate, low, high, self.waiting)

    def to_json(self) -> dict[str, Any]:
        """Returns it as plain JSON."""
        return asdict(self)

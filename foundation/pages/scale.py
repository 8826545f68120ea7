"""Scales of plots: values to positions, and round numbers with their labels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


def number(value: float | None, digits: int = 4) -> str:
    """Returns a number with ``digits`` significant digits, a dash for None and NaN."""
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == int(value) and abs(value) < 1e7:
        return f"{int(value):,}".replace("-", "−")
    if abs(value) >= 1e7 or abs(value) < 1e-4:
        mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
        return f"{mantissa}e{int(exponent)}".replace("-", "−")
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:,.{min(decimals, 6)}f}".replace("-", "−")


@dataclass(frozen=True)
class Scale:
    """A range of values mapped to the width of a plot, with a margin on both sides."""

    low: float
    high: float

    @classmethod
    def over(cls, values: Sequence[float | None]) -> Scale:
        """Returns a scale that fits all the given values."""
        finite = [v for v in values if v is not None and math.isfinite(v)]
        if not finite:
            return cls(0.0, 1.0)
        low, high = min(finite), max(finite)
        margin = (high - low) * 0.08 or abs(high) * 0.05 or 0.05
        return cls(low - margin, high + margin)

    def percent(self, value: float) -> float:
        """Returns the position of a value, 0 to 100; the end of a line outside is moved to the edge."""
        return min(100.0, max(0.0, 100 * (value - self.low) / (self.high - self.low)))

    def holds(self, value: float) -> bool:
        """Returns whether a value is inside; a point outside must not be drawn as one at the edge."""
        return self.low <= value <= self.high

    def ticks(self, wanted: int = 4) -> list[float]:
        """Returns round numbers within the scale."""
        rough = (self.high - self.low) / wanted
        power = 10 ** math.floor(math.log10(rough))
        step = next(power * m for m in (1, 2, 2.5, 5, 10) if power * m >= rough * 0.999)
        first = math.ceil(self.low / step)
        return [k * step for k in range(first, math.floor(self.high / step) + 1)]


def tick_labels(ticks: Sequence[float]) -> list[str]:
    """Returns evenly spaced round numbers as texts, with the digits that tell them apart."""
    if len(ticks) < 2:
        return [number(tick) for tick in ticks]
    step = ticks[1] - ticks[0]
    largest = max(map(abs, ticks))
    if largest >= 1e7 or largest < 1e-4:
        return [number(tick, 1 + math.ceil(math.log10(largest / step) + 1)) for tick in ticks]
    places = next(p for p in range(16) if abs(round(step, p) - step) < step / 1000)
    return [f"{tick + 0.0:,.{places}f}".replace("-", "−") for tick in ticks]

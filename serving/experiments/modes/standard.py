"""Contexts on one scale: standardised once, by the first rows, so that an outlier later cannot move it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

_FARTHEST = 5.0
"""Standardised values are cut here: one broken client must not steer the weights."""
_NORMAL_QUARTILES = 1.349
"""The distance of the quartiles of a normal distribution, in standard deviations."""


def context_of(declared: Mapping[str, Any], features: Mapping[str, object]) -> list[float | None]:
    """Returns the numbers of a context: a number as it is, a listed value as one column for each of the list.

    Args:
        declared: Feature → ``number`` or the list of its values.
        features: What the request holds; of several rows the first counts.

    Returns:
        One number a column; None where a number is missing, not finite or no number. An unlisted value is all zeros.
    """
    found: list[float | None] = []
    for name, values in declared.items():
        value = _first(features.get(name))
        if values == "number":
            found.append(_number(value))
        else:
            found.extend(float(_text(value) == one) for one in values)
    return found


def _first(value: object) -> object:
    while isinstance(value, (list, tuple)):
        value = value[0] if value else None
    return value


def _number(value: object) -> float | None:
    try:
        number = float(value) if isinstance(value, (int, float)) or hasattr(value, "__float__") else math.nan  # type: ignore[arg-type]
    except (OverflowError, ValueError, TypeError):
        return None
    return number if math.isfinite(number) else None


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value)


class Scale:
    """Centre and deviation of each column, and the cut.

    Args:
        centre: One number a column.
        deviation: One number a column, above zero.
    """

    def __init__(self, centre: Sequence[float], deviation: Sequence[float]) -> None:
        self.centre, self.deviation = list(centre), list(deviation)

    @classmethod
    def of(cls, rows: Sequence[Sequence[float | None]]) -> Scale:
        """Returns the scale of some rows: median and quartiles, which outliers do not move.

        Where the quartiles coincide the standard deviation serves, where that is zero one.
        """
        import numpy as np

        table = np.array(rows, dtype=float)  # None becomes NaN
        centre, deviation = [], []
        for column in table.T:
            known = column[~np.isnan(column)]
            if not known.size:
                known = np.zeros(1)
            low, middle, high = np.percentile(known, [25, 50, 75])
            centre.append(float(middle))
            deviation.append(_usable((high - low) / _NORMAL_QUARTILES) or _usable(known.std()) or 1.0)
        return cls(centre, deviation)

    def apply(self, context: Sequence[float | None]) -> list[float]:
        """Returns the standardised context with a leading one for the intercept; what is missing is at the centre."""
        found = [1.0]
        for value, centre, deviation in zip(context, self.centre, self.deviation, strict=True):
            z = 0.0 if value is None else (value - centre) / deviation
            found.append(min(max(z, -_FARTHEST), _FARTHEST))
        return found

    def to_json(self) -> dict[str, list[float]]:
        """Returns the scale as plain JSON."""
        return {"centre": self.centre, "deviation": self.deviation}


def _usable(deviation: float) -> float:
    return float(deviation) if math.isfinite(deviation) and deviation > 0 else 0.0

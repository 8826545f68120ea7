"""What a metric is. Import-light: a formula loads NumPy when it is first called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Array = Any
Sums = Mapping[str, Array]
"""Name of a sum → its value; a number, or an array of them."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """What the document, the gates and the reports know of a metric.

    Attributes:
        tasks: The tasks that have it.
        higher_is_better: Whether more is better; None where neither is.
        best: The best value of a metric that is worse on either side of it.
        is_share: Whether its values lie between 0 and 1.
        label: Its name in reports; by default the document's, with spaces.
    """

    tasks: tuple[str, ...]
    higher_is_better: bool | None = None
    best: float | None = None
    is_share: bool = False
    label: str = ""


@dataclass(frozen=True, kw_only=True)
class SumsMetric(Metric):
    """A metric that follows from sums over rows.

    Attributes:
        value: Turns sums into the metric; those of ``scores.COLUMNS`` are always there.
        sums: What it needs besides: name → function of labels and predictions that returns [n] numbers.
    """

    value: Callable[[Sums], Array]
    sums: Mapping[str, Callable[[Array, Array], Array]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class RankingMetric(Metric):
    """A metric that needs the order of all predictions, which are kept (9 bytes a row).

    Attributes:
        value: Turns the numbers of positives and negatives per distinct prediction, smallest first, into the metric.
    """

    value: Callable[[Array, Array], float]


def ratio(above: Array, below: Array) -> Array:
    """Returns a quotient, NaN where it would be by zero."""
    import numpy as np

    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(below == 0, np.nan, above / np.where(below == 0, 1, below))


def mean_of(name: str) -> Callable[[Sums], Array]:
    """Returns the formula of a sum's mean over rows."""
    return lambda sums: ratio(sums[name], sums["rows"])

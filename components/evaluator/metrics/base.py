"""Base classes of metrics. Light to import: a formula loads NumPy on its first call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Array = Any
Sums = Mapping[str, Array]
"""Name of a sum → its value; a number, or an array of them."""
Kind = Literal["share", "area", "bounded", "ratio", "error", "root", "mean", "number"]
"""How an interval is computed: a share of rows, an area under the ROC curve, another number between 0 and 1, a ratio of means,
a mean error or loss, the root of one, the mean of labels or predictions (between 0 and 1 in a binary task), or any number."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """What the document, the gates and the reports need to know about a metric.

    Attributes:
        tasks: The tasks it applies to.
        higher_is_better: Whether higher is better; None if neither is.
        best: The ideal value of a metric that can miss it in both directions.
        is_share: Whether its values lie between 0 and 1.
        label: Its name in reports; by default the name in the document, with spaces.
        needs: Which labels of a binary task it says little without: ``positives``, ``negatives`` or both.
        kind: How its interval is computed; by default by ``is_share`` and ``trials``.
        trials: For a share, turns sums into the number of rows that it is a share of.
    """

    tasks: tuple[str, ...]
    higher_is_better: bool | None = None
    best: float | None = None
    is_share: bool = False
    label: str = ""
    needs: tuple[str, ...] = ()
    kind: Kind | None = None
    trials: Callable[[Sums], Array] | None = None

    def kind_in(self, task: str) -> Kind:
        """Returns how its interval is computed in a task."""
        if self.kind == "mean":
            return "bounded" if task == "binary" else "number"
        if self.kind is not None:
            return self.kind
        if not self.is_share:
            return "number"
        return "share" if self.trials else "bounded"


@dataclass(frozen=True, kw_only=True)
class SumsMetric(Metric):
    """A metric computed from sums over rows.

    Attributes:
        value: Turns sums into the metric; the sums in ``scores.COLUMNS`` are always available.
        sums: Further sums it needs: name → function of labels and predictions that returns [n] numbers.
    """

    value: Callable[[Sums], Array]
    sums: Mapping[str, Callable[[Array, Array], Array]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class RankingMetric(Metric):
    """A metric that needs the order of all predictions, which are kept (9 bytes per row).

    Attributes:
        value: Computes the metric from positives and negatives per distinct prediction, smallest first.
    """

    value: Callable[[Array, Array], float]


def ratio(above: Array, below: Array) -> Array:
    """Returns a quotient, NaN where the divisor is zero."""
    import numpy as np

    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(below == 0, np.nan, above / np.where(below == 0, 1, below))


def mean_of(name: str) -> Callable[[Sums], Array]:
    """Returns the formula for a sum's mean over rows."""
    return lambda sums: ratio(sums[name], sums["rows"])

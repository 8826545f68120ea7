"""A model beside the two simple ones on the same rows: which does better, as far as these rows can tell."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from components.evaluation_gate.measured import Measured
from components.evaluation_gate.result import OVERALL, Interval, Metric, Verdict
from components.evaluation_gate.words import shown
from components.evaluator.metrics import METRICS
from foundation.numbers import decimals, fixed, telling
from foundation.saved_model import CONSTANT, LINEAR

Outcome = Literal["better", "worse", "not told apart", "too few rows to tell", "no interval"]

NAMES = {LINEAR: "linear baseline", CONSTANT: "constant baseline"}
"""Reference → what people call it, in the order in which they are shown."""


@dataclass(frozen=True)
class Other:
    """One simple model beside the trained one, by one metric.

    Attributes:
        name: What people call it.
        value: Its value.
        gain: The trained model minus it, on the same rows.
        outcome: Whether the trained model is better.
    """

    name: str
    value: float | None
    gain: Interval
    outcome: Outcome

    @property
    def difference(self) -> str:
        """The difference in words: its amount where it is sure, otherwise with its sign."""
        value, low, high = self.gain.value or 0.0, self.gain.low, self.gain.high
        if low is None or high is None:
            return f"difference {fixed(value, decimals(value))}: {self.outcome}"
        sure = self.outcome in ("better", "worse")
        if sure:
            value, low, high = abs(value), *sorted((abs(low), abs(high)))
        signs = low > 0, high < 0
        places = telling(_places(value, high - low), lambda r: (r(low) > 0, r(high) < 0) == signs)
        shown = f"{fixed(value, places)} ({fixed(low, places)} to {fixed(high, places)})"
        return f"{self.outcome} by {shown}" if sure else f"difference {shown}: {self.outcome}"


@dataclass(frozen=True)
class Beside:
    """One metric of the whole test split, and the simple models beside it."""

    metric: Metric
    others: tuple[Other, ...]


def beside(verdict: Verdict) -> list[Beside]:
    """Returns every metric that says which model is better, those with a gate first.

    Args:
        verdict: The verdict; one of an older run knows no simple models.
    """
    gated = [gate.metric for gate in verdict.gates]
    order = [*dict.fromkeys([*gated, *METRICS])]
    rows = [m for m in verdict.metrics if m.slice == OVERALL and m.gains and m.metric in METRICS]
    telling_rows = [m for m in rows if METRICS[m.metric].higher_is_better is not None]
    ordered = sorted(telling_rows, key=lambda metric: order.index(metric.metric))
    return [Beside(metric, tuple(_others(metric))) for metric in ordered]


def sentence(verdict: Verdict) -> str:
    """Returns the first metric beside the simple models, in one sentence; empty if there are none."""
    found = beside(verdict)
    if not found:
        return ""
    metric, others = found[0].metric, found[0].others
    low, high = (math.nan if end is None else end for end in (metric.low, metric.high))
    value = Measured(metric.value or 0.0, low, high)
    places = decimals(value.value, high - low)
    label = METRICS[metric.metric].label or metric.metric.replace("_", " ")
    parts = [f"{label} {shown(value, places)}"]
    for other in others:
        own = "without a value" if other.value is None else fixed(other.value, places)
        parts.append(f"{other.name} {own}, {other.difference}")
    return f"Beside simple models: {'; '.join(parts)}."


def _others(metric: Metric) -> Iterator[Other]:
    for reference, name in NAMES.items():
        gain = metric.gains.get(reference)
        if gain is not None and gain.value is not None:
            outcome = outcome_of(gain, METRICS[metric.metric].higher_is_better is True)
            yield Other(name, metric.references.get(reference), gain, outcome)


def outcome_of(gain: Interval, higher_is_better: bool) -> Outcome:
    """Returns whether a model is better than another: only where the interval of their difference excludes 0."""
    if gain.low is None or gain.high is None:
        return "no interval" if gain.error is None else "too few rows to tell"
    if gain.low <= 0 <= gain.high:
        return "not told apart"
    return "better" if (gain.low > 0) == higher_is_better else "worse"


def _places(value: float, width: float) -> int:
    """Returns the decimals that give the width of a difference's interval two digits; more of the difference would be noise."""
    return max(0, 1 - math.floor(math.log10(width))) if width > 0 else decimals(value)

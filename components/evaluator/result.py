"""``evaluation.json``: every metric of a model in every slice of the test split, for whoever decides or reports.

TFMA's own files lie beside it and hold the same numbers; this one is read without TensorFlow.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from foundation.result import Part, Result

OVERALL = "overall"
"""Name of the slice with the whole test split."""

Number = float | Literal["inf", "-inf"] | None
"""A number as JSON has it: null for NaN, text for an infinite one."""
Way = Literal["in process", "Beam"]


def stored(value: float) -> Number:
    """Returns a number as the file holds it."""
    if math.isfinite(value):
        return value
    return None if math.isnan(value) else "inf" if value > 0 else "-inf"


def loaded(value: Number) -> float:
    """Returns the number that the file means."""
    return math.nan if value is None else float(value)


@dataclass(frozen=True)
class Measurement(Part):
    """A metric's value with its 95% interval and standard error; null where it cannot be computed."""

    value: Number
    """The value."""
    low: Number = None
    """Lower end of the 95% interval; null if none may be shown."""
    high: Number = None
    """Upper end of the 95% interval."""
    error: Number = None
    """Standard error over groups of rows that belong together."""
    freedom: int = 0
    """Degrees of freedom of the error; 0 without one."""


Measurements = dict[str, Measurement]
"""Metric → what was measured."""


@dataclass(frozen=True)
class EvaluatedSlice(Part):
    """What was measured on one slice of the test split."""

    slicing: str
    """``overall``, or the features joined by commas."""
    name: str
    """``overall``, or ``feature=value`` joined by commas."""
    rows: int
    """Evaluated rows."""
    unlabelled: int
    """Rows skipped because they have no label."""
    groups: int
    """About how many groups of rows that belong together there are."""
    candidate: Measurements
    """Metric → the model's value."""
    positives: int | None = None
    """Rows with a positive label; null unless the task is binary."""
    negatives: int | None = None
    """Rows with a negative label; null unless the task is binary."""
    incomparable: str = ""
    """Why the last blessed model cannot be judged on these rows; empty if it can."""
    baseline: Measurements = field(default_factory=dict)
    """Metric → value of the last blessed model; empty without one."""
    change: Measurements = field(default_factory=dict)
    """Metric → candidate minus the last blessed model, on the same rows."""
    references: dict[str, Measurements] = field(default_factory=dict)
    """``constant`` or ``linear`` → metric → value of that simple model."""
    gains: dict[str, Measurements] = field(default_factory=dict)
    """The same keys → metric → candidate minus that simple model, on the same rows."""


@dataclass(frozen=True)
class Evaluation(Result):
    """Every metric of a model, of the last blessed one and of the simple models beside it, in every slice."""

    FILE: ClassVar[str] = "evaluation.json"

    slices: tuple[EvaluatedSlice, ...]
    """What was measured on each slice: overall first, then by features and number of rows."""
    way: Way = "Beam"
    """Whether it was computed in the node's own process or by Beam."""
    kept: tuple[str, ...] = ()
    """Models whose predictions were read from an earlier evaluation: ``candidate``, ``baseline`` or ``references``."""

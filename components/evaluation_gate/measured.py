"""What was measured: metrics by slice, of the new model, of the blessed one and of two simple ones."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Measured:
    """A metric's value with its 95% interval and standard error; NaN if undefined.

    Attributes:
        value: The metric.
        low: Lower end of the 95% interval; NaN if none may be shown.
        high: Upper end of the 95% interval.
        error: Standard error over groups of rows that belong together (delete-a-group jackknife).
        freedom: Degrees of freedom of the error; 0 without one.
    """

    value: float
    low: float = math.nan
    high: float = math.nan
    error: float = math.nan
    freedom: int = 0


@dataclass(frozen=True)
class SliceResult:
    """What was measured on one slice.

    Attributes:
        slicing: ``overall``, or the features joined by commas.
        name: ``overall``, or ``feature=value`` joined by commas.
        rows: Number of evaluated rows.
        unlabelled: Rows skipped because they have no label.
        candidate: Metric → value of the new model.
        baseline: Metric → value of the last blessed model; empty without one.
        change: Metric → candidate minus baseline on the same rows, with its interval; empty without a baseline.
        groups: Number of groups that the standard errors are computed over; rows of one group belong together.
        positives: Rows with a positive label; None unless the task is binary.
        negatives: Rows with a negative label; None unless the task is binary.
        references: ``constant`` or ``linear`` → metric → value of that simple model on the same rows.
        gains: The same keys → metric → candidate minus that model, on the same rows.
        recorded: Metric → value in the blessed model's own verdict, where it cannot be evaluated on these rows.
        incomparable: Why the blessed model cannot be evaluated on these rows; empty if it can.
    """

    slicing: str
    name: str
    rows: int
    unlabelled: int
    candidate: Mapping[str, Measured]
    baseline: Mapping[str, Measured] = field(default_factory=dict)
    change: Mapping[str, Measured] = field(default_factory=dict)
    groups: int = 0
    positives: int | None = None
    negatives: int | None = None
    references: Mapping[str, Mapping[str, Measured]] = field(default_factory=dict)
    gains: Mapping[str, Mapping[str, Measured]] = field(default_factory=dict)
    recorded: Mapping[str, Measured] = field(default_factory=dict)
    incomparable: str = ""


@dataclass(frozen=True)
class Earlier:
    """A model blessed before the last blessed one, and how much that one lost against it.

    Attributes:
        model: Id of its artifact.
        run: The run that made it.
        losses: Metric → by how much the last blessed model is worse than it on all rows, added up over the comparisons of
            each model with the one before, so that test rows may have changed in between.
    """

    model: int
    run: str
    losses: Mapping[str, Measured]

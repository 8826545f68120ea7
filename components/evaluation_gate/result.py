"""``verdict.json``: whether a model is blessed, why, and the metrics and gates that decided."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from foundation.result import Part, Result

_ABSOLUTE = re.compile(r"[≥≤] (-?[0-9.]+(?:e[-+]?[0-9]+)?)(?: |$)")
OVERALL = "overall"
"""Name of the slice with the whole test split."""

Outcome = Literal["holds", "fails", "not decided"]
Kind = Literal[
    "at_least",
    "at_most",
    "not_worse_than_blessed_by",
    "best_of_last",
    "better_than_constant",
    "not_worse_than_linear_by",
]
"""The key of a gate that asks for a bound."""


@dataclass(frozen=True)
class Interval(Part):
    """A value with its 95% interval; null where it cannot be computed."""

    value: float | None
    """The value."""
    low: float | None
    """Lower end of the interval."""
    high: float | None
    """Upper end of the interval."""
    error: float | None = None
    """Standard error over groups of rows that belong together."""
    freedom: int = 0
    """Degrees of freedom of the error; 0 without one."""


@dataclass(frozen=True)
class Metric(Part):
    """One metric in one slice of the test split."""

    metric: str
    """Name of the metric."""
    slice: str
    """``overall``, or ``feature=value``."""
    value: float | None
    """The candidate's value; null where it cannot be computed, such as an AUC of one class."""
    low: float | None = None
    """Lower end of the 95% interval."""
    high: float | None = None
    """Upper end of the 95% interval."""
    rows: int = 0
    """Test rows in the slice."""
    baseline: float | None = None
    """The same metric of the last blessed model."""
    change: Annotated[Interval | None, Field(exclude_if=lambda change: change is None)] = None
    """Candidate minus baseline, on the same rows; missing without a baseline."""
    error: float | None = None
    """Standard error over groups of rows that belong together."""
    freedom: int = 0
    """Degrees of freedom of the error; 0 without one."""
    references: Annotated[dict[str, float | None], Field(exclude_if=lambda found: not found)] = field(
        default_factory=dict
    )
    """``constant`` or ``linear`` → the same metric of that simple model."""
    gains: Annotated[dict[str, Interval], Field(exclude_if=lambda found: not found)] = field(
        default_factory=dict
    )
    """The same keys → candidate minus that simple model, on the same rows."""
    note: Annotated[str, Field(exclude_if=lambda note: not note)] = ""
    """Why there is no interval."""


@dataclass(frozen=True)
class Gate(Part):
    """One bound on one metric in one slice, and whether it holds."""

    metric: str
    """Name of the metric."""
    slice: str
    """``overall``, or ``feature=value``."""
    bound: str
    """The bound in words."""
    value: float | None
    """The value that decided."""
    rows: int
    """Test rows in the slice."""
    outcome: Outcome
    """The gate's outcome."""
    note: str = ""
    """Why it did not decide, or how close it was."""
    low: float | None = None
    """Lower end of the 95% interval."""
    high: float | None = None
    """Upper end of the 95% interval."""
    baseline: float | None = None
    """The same metric of the last blessed model."""
    margin: float | None = None
    """How much worse (better, if negative) the metric would have to be to reverse the outcome, in its unit."""
    kind: Kind | None = None
    """The key of the document that asks for it; missing in older files."""
    threshold: float | None = None
    """The bound's exact number: what the metric is held against, or how much worse than another model's it may be."""
    chance: float | None = None
    """How often a loss as large is measured where there is none (in slices: where it is half of what is allowed)."""
    level: float | None = None
    """What ``chance`` has to be at or below for a refusal, so that all checks together err in 5% of runs at most."""
    power: float | None = None
    """How often a model that is worse by twice the allowed loss is refused here."""

    @property
    def limit(self) -> float | None:
        """The number of an absolute bound; None if it is relative to another model."""
        if self.kind is not None:
            return self.threshold if self.kind in ("at_least", "at_most") else None
        found = _ABSOLUTE.match(self.bound)
        return float(found[1]) if found else None


@dataclass(frozen=True)
class Since(Part):
    """A model blessed earlier, and how the model of this verdict compares with it."""

    model: int
    """Id of its artifact."""
    run: str
    """The run that made it."""
    losses: dict[str, Interval]
    """Metric → how much worse this verdict's model is on all rows, added up over the comparisons in between."""


@dataclass(frozen=True)
class Verdict(Result):
    """Whether a model is blessed, and why."""

    FILE: ClassVar[str] = "verdict.json"

    blessed: bool
    """Whether every deciding gate holds."""
    sentence: str = ""
    """Why, or why not."""
    flips: tuple[str, ...] = ()
    """What would reverse the verdict."""
    task: str = ""
    """binary, multiclass or regression."""
    rows_without_label: int = 0
    """Test rows skipped because they have no label."""
    gates: tuple[Gate, ...] = ()
    """Every bound of the document."""
    metrics: tuple[Metric, ...] = ()
    """Every metric in every slice."""
    since: tuple[Since, ...] = ()
    """The models blessed before, newest first, so that many small losses in a row are seen."""

    @property
    def reason(self) -> str:
        """The sentence without its leading verdict."""
        return self.sentence.removeprefix("Blessed: ").removeprefix("Not blessed: ")

    @property
    def decided(self) -> str:
        """The verdict with its first reason."""
        return self.sentence.partition(";")[0].removesuffix(".")

    @property
    def overall(self) -> dict[str, float | None]:
        """Metric → its value on the whole test split."""
        return {m.metric: m.value for m in self.metrics if m.slice == OVERALL}

"""``verdict.json``: whether a model is blessed, why, and the metrics and gates that decided."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from foundation.result import Part, Result

_ABSOLUTE = re.compile(r"[≥≤] (-?[0-9.]+(?:e[-+]?[0-9]+)?)(?: |$)")
OVERALL = "overall"
"""Name of the slice with the whole test split."""

Outcome = Literal["holds", "fails", "not decided"]


@dataclass(frozen=True)
class Interval(Part):
    """A value with its 95% interval; null where it cannot be computed."""

    value: float | None
    """The value."""
    low: float | None
    """Lower end of the interval."""
    high: float | None
    """Upper end of the interval."""


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
    """Distance of the deciding number to the bound; negative if it misses the bound."""

    @property
    def limit(self) -> float | None:
        """The number in an absolute bound (``≥ 0.750 …``); None for a bound relative to the blessed model."""
        found = _ABSOLUTE.match(self.bound)
        return float(found[1]) if found else None


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

    @property
    def reason(self) -> str:
        """The sentence without its leading verdict."""
        return self.sentence.removeprefix("Blessed: ").removeprefix("Not blessed: ")

    @property
    def overall(self) -> dict[str, float | None]:
        """Metric → its value on the whole test split."""
        return {m.metric: m.value for m in self.metrics if m.slice == OVERALL}

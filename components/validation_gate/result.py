"""``report.json``: the validation gate's findings, and every distance it measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pydantic import computed_field

from foundation.result import Part, Result


@dataclass(frozen=True)
class Finding(Part):
    """A finding of the validation."""

    kind: str
    """``anomaly``, ``drift``, ``skew`` or ``leakage``."""
    feature: str
    """Name of the feature; empty if it concerns the whole data."""
    expected: str
    """The expectation of the schema or the document."""
    seen: str
    """What was seen instead."""
    rows: int | None = None
    """Number of affected rows; null if that does not apply."""
    stops: bool = False
    """Whether it stops the run."""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def message(self) -> str:
        """The finding as one sentence."""
        rows = "" if self.rows is None else f" ({self.rows:,} rows)"
        return (
            f"{self.kind} in {self.feature or 'the data'}: expected {self.expected}; seen: {self.seen}{rows}"
        )


@dataclass(frozen=True)
class Distance(Part):
    """A measured distance between two distributions of one feature."""

    feature: str
    """Name of the feature."""
    distance: str
    """Name of the distance."""
    formula: str
    """Description of the distance."""
    value: float | None
    """The distance; null if one side has no values."""
    limit: float
    """Largest distance that the document allows."""


@dataclass(frozen=True)
class Validation(Result):
    """The findings of validation."""

    FILE: ClassVar[str] = "report.json"

    anomalies: tuple[Finding, ...] = ()
    """Findings against the schema, the previous span or between splits, if the document says stop."""
    warnings: tuple[Finding, ...] = ()
    """The same findings, if the document says warn."""
    leakage: tuple[Finding, ...] = ()
    """Features that leak the label."""
    drift: tuple[Distance, ...] = ()
    """Distances from the previous span."""
    skew: tuple[Distance, ...] = ()
    """Distances of the train split from the test split."""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings, those that stop the run first."""
        return (*self.anomalies, *self.warnings, *self.leakage)

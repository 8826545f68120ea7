"""``report.json``: what the validation gate found in the data, and every distance that it measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pydantic import computed_field

from foundation.result import Part, Result


@dataclass(frozen=True)
class Finding(Part):
    """Something that validation found."""

    kind: str
    """``anomaly``, ``drift``, ``skew`` or ``leakage``."""
    feature: str
    """Name of the feature; empty where it is about the whole data."""
    expected: str
    """What the schema or the document expects."""
    seen: str
    """What was found instead."""
    rows: int | None = None
    """Number of rows concerned; null where that is not a matter of rows."""
    stops: bool = False
    """Whether it ends the run."""

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
    """What it measures, in words."""
    value: float | None
    """The distance; null where one side has no values."""
    limit: float
    """Largest distance that the document allows."""


@dataclass(frozen=True)
class Validation(Result):
    """What validation found in the data."""

    FILE: ClassVar[str] = "report.json"

    anomalies: tuple[Finding, ...] = ()
    """Against the schema, the span before and between splits, where the document says stop."""
    warnings: tuple[Finding, ...] = ()
    """The same, where the document says warn."""
    leakage: tuple[Finding, ...] = ()
    """Features that know the answer."""
    drift: tuple[Distance, ...] = ()
    """Distances to the span before."""
    skew: tuple[Distance, ...] = ()
    """Distances of the train split to the test split."""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Everything that was found, what stops the run first."""
        return (*self.anomalies, *self.warnings, *self.leakage)

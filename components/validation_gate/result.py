"""``report.json``: the validation gate's findings, and every comparison of two distributions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import computed_field

from foundation.result import Part, Result

Outcome = Literal["within bound", "beyond bound", "too few rows", "not measured"]


@dataclass(frozen=True)
class Finding(Part):
    """A finding of the validation."""

    kind: str
    """``anomaly``, ``drift``, ``train_test`` or ``leakage``."""
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
        kind = self.kind.replace("_", "/")
        return f"{kind} in {self.feature or 'the data'}: expected {self.expected}; seen: {self.seen}{rows}"


@dataclass(frozen=True)
class Bin(Part):
    """One bin of a comparison and its share on both sides."""

    label: str
    """The bin: a range, a value, or that there is none; a value that may be personal is not named."""
    before: float
    """Share in the reference, 0 to 1."""
    now: float
    """Share in what is compared with it, 0 to 1."""


@dataclass(frozen=True)
class Distance(Part):
    """A comparison of two distributions of one feature."""

    feature: str
    """Name of the feature."""
    distance: str
    """Name of the distance: ``calibrated``, ``l_infinity`` or ``jensen_shannon``."""
    formula: str
    """Description of the distance."""
    value: float | None
    """The distance, for ``calibrated`` PSI beyond chance; null if it was not measured."""
    limit: float
    """Largest distance that the document allows."""
    outcome: Outcome = "not measured"
    """What was decided."""
    note: str = ""
    """Why it was not measured, how many rows it would take, or what is wrong with the bound."""
    usual: float | None = None
    """Distance that equal data stay below in 95 of 100 comparisons of as many rows; null if unknown."""
    rows: int | None = None
    """Number of rows compared."""
    reference_rows: int | None = None
    """Number of rows they were compared with."""
    p: float | None = None
    """For ``calibrated``: probability of such a difference if nothing changed, adjusted for the number of features."""
    design: float | None = None
    """For ``calibrated``: design effect, 1 for independent rows; rows that belong together count 1/design each."""
    bins: tuple[Bin, ...] = ()
    """The bins of both sides."""


def stopped_folder(node: Path, execution: int | str) -> Path:
    """Returns where the report of an execution that stopped its run is; the outputs of a failed execution are dropped.

    Args:
        node: The node's folder under the pipeline root.
        execution: Id of the execution.
    """
    return node / "stopped" / str(execution)


@dataclass(frozen=True)
class Validation(Result):
    """The findings of validation."""

    FILE: ClassVar[str] = "report.json"
    FORMAT: ClassVar[int] = 2

    anomalies: tuple[Finding, ...] = ()
    """Findings against the schema, the previous span or between splits, if the document says stop."""
    warnings: tuple[Finding, ...] = ()
    """The same findings, if the document says warn."""
    leakage: tuple[Finding, ...] = ()
    """Features that leak the label."""
    drift: tuple[Distance, ...] = ()
    """Comparisons with the previous span."""
    train_test: tuple[Distance, ...] = ()
    """Comparisons of the test split with the train split."""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings, those that stop the run first."""
        return (*self.anomalies, *self.warnings, *self.leakage)

    @classmethod
    def upgrade(cls, content: Any, version: int) -> Any:
        """Names what older files call skew, and says of each distance what was decided."""
        raised = {key: value for key, value in content.items() if key != "skew"}
        raised["drift"] = [_decided(row) for row in content.get("drift", ())]
        raised["train_test"] = [_decided(row) for row in content.get("skew", ())]
        for group in ("anomalies", "warnings"):
            raised[group] = [
                _renamed(finding) if finding.get("kind") == "skew" else finding
                for finding in content.get(group, ())
            ]
        return raised


def _renamed(finding: dict[str, Any]) -> dict[str, Any]:
    message = finding.get("message", "").replace("skew in", "train/test in", 1)
    return finding | {"kind": "train_test", "message": message}


def _decided(row: dict[str, Any]) -> dict[str, Any]:
    value = row["value"]
    if value is None:
        return row | {"outcome": "not measured"}
    return row | {"outcome": "beyond bound" if value > row["limit"] else "within bound"}

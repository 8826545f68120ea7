"""Compares a split's features with those of another: by the calibrated test or TFDV's distances, whatever is declared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2

from components.validation_gate.calibrated.columns import Column
from components.validation_gate.calibrated.verdict import Pair, judge
from components.validation_gate.config import DistanceConfig
from components.validation_gate.distances import FORMULAS, ONE_SIDE_EMPTY, distances, measure
from components.validation_gate.findings import domain, may_be_told
from components.validation_gate.result import Distance, Finding
from components.validation_gate.sample import read_columns
from foundation.numbers import percent

OTHER = {"drift": "the previous span", "train_test": "the train split"}
"""Kind of comparison → what the reference is."""
FEW_VALUES = 20
"""Values of a feature that has at most this many different ones may be told, as in the report."""
_FORMULA = "PSI less its mean under no change; G-test, Benjamini-Hochberg"
_MOST_NAMED = 3


@dataclass(frozen=True)
class Comparison:
    """Two splits and what is known of their rows.

    Attributes:
        kind: ``drift`` or ``train_test``.
        reference: Folder of the reference's rows; None if they cannot be read.
        present: Folder of the rows compared with it.
        group_by: Features that say which rows belong together.
        dates: Features that hold dates.
        schema: The schema; its lists of values may be told.
        uncounted_key: The split's key, if no field reads it: rows that share it count as independent.
    """

    kind: str
    reference: Path | None
    present: Path
    group_by: Sequence[str]
    dates: Sequence[str]
    schema: schema_pb2.Schema
    uncounted_key: str = ""

    def measure(
        self, checks: Mapping[str, DistanceConfig], compared: anomalies_pb2.Anomalies | None, without: str
    ) -> list[Distance]:
        """Returns what every check found, in the order of the document.

        Args:
            checks: Feature → how it is compared.
            compared: TFDV's comparison; None if there is none.
            without: Why there is no reference.
        """
        sides = self._sides(list(checks))
        pairs = [self._pair(n, c, sides[n]) for n, c in checks.items() if c.calibrated and n in sides]
        apart = f"; rows of one {self.uncounted_key} count as independent, no field reads it" * bool(
            self.uncounted_key
        )
        found = {d.feature: replace(d, formula=d.formula + apart) for d in judge(pairs)}
        theirs = {name: check for name, check in checks.items() if not check.calibrated}
        if compared is not None:
            found |= {d.feature: d for d in distances(theirs, compared, sides)}
        return [found.get(name) or _unmeasured(name, check, without) for name, check in checks.items()]

    def _sides(self, names: Sequence[str]) -> dict[str, tuple[Column, Column]]:
        if self.reference is None or not names:
            return {}
        before, now = (
            read_columns(folder, names, self.group_by) for folder in (self.reference, self.present)
        )
        rows = [max((c.rows for c in side.values()), default=0) for side in (before, now)]
        if not all(rows):
            return {}
        return {
            name: (before.get(name) or _absent(rows[0]), now.get(name) or _absent(rows[1])) for name in names
        }

    def _pair(self, name: str, check: DistanceConfig, sides: tuple[Column, Column]) -> Pair:
        before, now = sides
        spec = next((feature for feature in self.schema.feature if feature.name == name), None)
        listed = domain(self.schema, spec) if spec else set()
        few = before.is_text and len(np.unique(before.values)) <= FEW_VALUES

        def tells(value: str, rows: int) -> bool:
            return value in listed or (few and may_be_told(value, rows))

        assert check.calibrated is not None, "only calibrated checks are paired"
        return Pair(name, check.calibrated, before, now, tells, name in self.dates)


def _absent(rows: int) -> Column:
    return Column(np.empty(0), np.empty(0, np.int64), rows)


def _unmeasured(name: str, check: DistanceConfig, why: str) -> Distance:
    kind, limit = measure(check)
    return Distance(name, kind, FORMULAS.get(kind, _FORMULA), None, limit, "not measured", why)


def findings(kind: str, measured: Sequence[Distance], stops: bool) -> list[Finding]:
    """Returns a finding for each comparison beyond its bound, and for each that one empty side made impossible.

    Args:
        kind: ``drift`` or ``train_test``.
        measured: The comparisons; what has no reference at all is no finding.
        stops: Whether a finding stops the run.
    """
    found = []
    for row in measured:
        if row.outcome == "beyond bound":
            found.append(Finding(kind, row.feature, _expected(kind, row), _seen(row), None, stops))
        elif row.outcome == "not measured" and row.note == ONE_SIDE_EMPTY:
            found.append(Finding(kind, row.feature, _expected(kind, row), row.note, None, stops))
    return found


def _expected(kind: str, row: Distance) -> str:
    if row.distance == "calibrated":
        return f"at most PSI {row.limit:g} beyond chance from {OTHER[kind]}"
    return f"a distance of at most {row.limit:g} from {OTHER[kind]} ({row.formula})"


def _seen(row: Distance) -> str:
    if row.distance != "calibrated":
        return f"{row.value:.4g}" + (f"; {row.note}" if row.note else "")
    moved = sorted(row.bins, key=lambda bin: -abs(bin.now - bin.before))[:_MOST_NAMED]
    named = ", ".join(f"{bin.label} {percent(bin.before)} → {percent(bin.now)}" for bin in moved)
    p = "p < 1e-6" if (row.p or 0) < 1e-6 else f"p = {row.p:.2g}"
    return f"{row.value:.4g}, {p}; {row.rows:,} rows against {row.reference_rows:,}; most in {named}"

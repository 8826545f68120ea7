"""Puts the counts of an ingestion together for ``ingestion.json``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.exports import tally as count
from components.exports.source import ResolvedInput
from components.exports.tally import Tally
from components.mongo_example_gen.plan import STRATUM, TIME, Column, Plan
from components.mongo_example_gen.result import Ingestion
from foundation.privacy import PrivacyRule, type_after


@dataclass(frozen=True)
class Origin:
    """Where the documents came from, for the report."""

    source: ResolvedInput
    format: str
    dialect: str
    quarantine: str
    passes: int
    """How often the export was read; more than once when the sample did not show all types."""
    seconds: float = 0.0
    """Duration of the whole ingestion."""


def report(tally: Tally, plan: Plan, origin: Origin) -> dict[str, Any]:
    """Returns the report as JSON-able data."""
    bad = count.section(tally, "quarantined")
    counts = count.sections(tally)
    return {
        "documents": {
            **count.section(tally, "documents"),
            "quarantined": sum(bad.values()),
            "filtered": sum(count.section(tally, "filtered").values()),
        },
        "bytes": count.section(tally, "bytes") if tally[count.BYTES_READ] else {},
        "quarantined": bad,
        "quarantine_folder": origin.quarantine if bad else None,
        "filtered": count.section(tally, "filtered"),
        "splits": {split: tally[count.rows(split)] for split in plan.splits},
        "split_by": split_rule(plan),
        "label": plan.label,
        "fields": [_field(counts, column, plan.privacy.rules.get(column.feature)) for column in plan.columns],
        "input": {
            "span": origin.source.span,
            "version": origin.source.version,
            "fingerprint": origin.source.fingerprint,
            "format": origin.format,
            "dialect": origin.dialect,
            "files": [{"path": file.path, "bytes": file.size} for file in origin.source.files],
            "empty_files": [file.path for file in origin.source.files if not file.size],
        },
        "passes": origin.passes,
        "seconds": round(origin.seconds, 3),
    }


def split_rule(plan: Plan) -> str:
    """Returns how rows were split, in a few words."""
    special = {column.feature: column.path for column in plan.columns}
    if plan.time_bounds:
        return f"time: {special[TIME]}"
    return plan.split_by + (f", stratified by {special[STRATUM]}" if plan.stratified else "")


def _field(
    counts: Mapping[tuple[str, ...], dict[str, int]], column: Column, rule: PrivacyRule | None
) -> dict[str, Any]:
    return {
        "path": column.path,
        "feature": column.feature,
        "type": type_after(rule, column.type),
        **({"privacy": rule.name} if rule else {}),
        "declared": column.declared,
        **counts["fields", column.feature],
        "kinds": counts["kinds", column.feature],
        "misfits": counts["misfits", column.feature],
    }


def write_report(folder: Path, content: dict[str, Any]) -> None:
    """Writes the report into the Examples artifact, beside its splits.

    Raises:
        StorageError: It cannot be written.
    """
    Ingestion.from_json(content).write(folder)

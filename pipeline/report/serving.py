"""Infra validation for the report, from the infra validator's ``infra_validation.json``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.report.data import Serving, ServingCheck, ServingRow


def serving_of(content: Mapping[str, Any]) -> Serving:
    """Returns what came of serving the candidate; the word that the report stamps before the sentence is taken off it."""
    sentence = str(content["sentence"])
    for word in ("Fit to serve: ", "Not fit to serve: "):
        sentence = sentence.removeprefix(word)
    return Serving(
        fit=bool(content["blessed"]),
        sentence=sentence,
        signature=content["latency"]["signature"],
        rows=tuple(_row(row) for row in content["latency"]["measured"]),
        memory=_numbers(content["memory_mb"]),
        load_seconds=_numbers(content["load_seconds"]),
        warmup_requests=content["warmup_requests"],
        checks=tuple(
            ServingCheck(c["metric"], c["where"], c["bound"], c["value"], c["outcome"], c["note"])
            for c in content["gates"]
        ),
        notes=tuple(content["notes"]),
    )


def _row(row: Mapping[str, Any]) -> ServingRow:
    own, blessed = row["candidate"], row["blessed"] or {"p50_ms": None, "p99_ms": None}
    return ServingRow(
        row["protocol"], row["rows"], own["p50_ms"], own["p99_ms"], blessed["p50_ms"], blessed["p99_ms"]
    )


def _numbers(found: Mapping[str, float | None]) -> dict[str, float]:
    return {name: value for name, value in found.items() if value is not None}

"""Verdict, gates and metrics for the report, from the evaluation gate's ``verdict.json``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pipeline.report.data import GateRow, MetricRow, Verdict

_ABSOLUTE = re.compile(r"[≥≤] (-?[0-9.]+(?:e[-+]?[0-9]+)?)(?: |$)")


def verdict_of(content: Mapping[str, Any]) -> Verdict:
    """Returns the verdict; the word that the report stamps before the sentence is taken off it."""
    sentence = str(content["sentence"])
    for word in ("Blessed: ", "Not blessed: "):
        sentence = sentence.removeprefix(word)
    return Verdict(bool(content["blessed"]), sentence, tuple(content["flips"]))


def gates_of(content: Mapping[str, Any]) -> tuple[GateRow, ...]:
    """Returns one row per bound and slice."""
    return tuple(
        GateRow(
            metric=row["metric"],
            slice=row["slice"],
            bound=row["bound"],
            limit=_limit(row["bound"]),
            value=row["value"],
            rows=row["rows"],
            outcome=row["outcome"],
            note=row["note"],
        )
        for row in content["gates"]
    )


def _limit(bound: str) -> float | None:
    """Returns the number of an absolute bound (``≥ 0.750 …``); one against the blessed model has no place of its own."""
    found = _ABSOLUTE.match(bound)
    return float(found[1]) if found else None


def metrics_of(content: Mapping[str, Any], order: list[str]) -> tuple[MetricRow, ...]:
    """Returns one row per metric and slice: metrics in the document's order, the whole split before its slices."""
    rows = [
        MetricRow(r["metric"], r["slice"], r["value"], r["low"], r["high"], r["rows"], r["baseline"])
        for r in content["metrics"]
    ]
    place = {name: i for i, name in enumerate(order)}
    return tuple(sorted(rows, key=lambda r: (place.get(r.metric, len(place)), *_slice_order(r))))


def _slice_order(row: MetricRow) -> tuple[bool, str, int]:
    return row.slice != "overall", row.slice.partition("=")[0], -row.rows

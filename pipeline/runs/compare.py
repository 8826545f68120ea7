"""The differences between two runs, causes first: document, data, code; then the results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from components.evaluation_gate.result import Verdict
from components.infra_validator.result import InfraValidation
from foundation.numbers import apart
from pipeline.lineage.records import Execution
from pipeline.lineage.store import Lineage
from pipeline.runs.book import RunRecord
from pipeline.runs.results import RunResults


@dataclass(frozen=True)
class Difference:
    """One difference between two runs.

    Attributes:
        kind: ``document``, ``data``, ``code`` or ``result``.
        what: The key, node or metric.
        before: Its value in the first run, None if it had none.
        after: Its value in the second.
    """

    kind: str
    what: str
    before: Any
    after: Any


def compare(lineage: Lineage, before: RunRecord, after: RunRecord) -> list[Difference]:
    """Returns every difference between two runs, causes before results."""
    old, new = _flat(before.document), _flat(after.document)
    found = [
        Difference("document", key, old.get(key), new.get(key))
        for key in dict.fromkeys([*old, *new])
        if old.get(key) != new.get(key)
    ]
    found += _data(lineage, before, after)
    if before.code != after.code:
        found.append(Difference("code", "project", before.code, after.code))
    if before.packages and after.packages:  # older records do not tell
        found += [
            Difference("packages", name, before.packages.get(name), after.packages.get(name))
            for name in sorted({*before.packages, *after.packages})
            if before.packages.get(name) != after.packages.get(name)
        ]
    return found + _results(lineage, before, after)


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(value, dict) or not value:
        return {prefix: value} if prefix else {}
    flat: dict[str, Any] = {}
    for key, inner in value.items():
        flat |= _flat(inner, f"{prefix}.{key}" if prefix else key)
    return flat


def _data(lineage: Lineage, before: RunRecord, after: RunRecord) -> list[Difference]:
    def of(run: str) -> dict[str, Execution]:
        return {e.node: e for e in lineage.executions() if e.run == run and e.fingerprint}

    old, new = of(before.id), of(after.id)
    found = []
    for node, part, kind in (
        ("MongoExampleGen", "external", "data"),
        ("ImportSchemaGen", "external", "data"),
        *((n, "code", "code") for n in new),
        *((n, "user code", "code") for n in new),
    ):
        if node in old and node in new:
            values = [_part(e, part) for e in (old[node], new[node])]
            if values[0] != values[1]:
                found.append(Difference(kind, node if kind == "data" else f"{node} ({part})", *values))
    return found


def _part(execution: Execution, part: str) -> str:
    import json

    return json.loads(str(execution.properties.get("penstock_parts", "{}"))).get(part, "")[:12]


def _results(lineage: Lineage, before: RunRecord, after: RunRecord) -> list[Difference]:
    old, new = (metrics_of_run(lineage, r.id) for r in (before, after))
    found = [
        Difference("result", name, old.get(name), new.get(name))
        for name in dict.fromkeys([*old, *new])
        if old.get(name) != new.get(name)
    ]
    if before.state != after.state:
        found.insert(0, Difference("result", "state", before.state, after.state))
    return found


_WIDTH = 60
"""Longest text of a value in a table of differences."""


def shown(before: Any, after: Any) -> tuple[str, str]:
    """Returns two values that differ as texts that differ, too: with digits enough, and from where they part."""
    if _is_number(before) and _is_number(after):
        first, second = apart([before, after])
        return first, second
    first, second = ("" if value is None else str(value) for value in (before, after))
    if first == second:  # 5 and "5"
        first, second = repr(before), repr(after)
    if max(len(first), len(second)) <= _WIDTH:
        return first, second
    common = next((i for i, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), None)
    start = max(0, (min(len(first), len(second)) if common is None else common) - _WIDTH // 2)
    return _part_of(first, start), _part_of(second, start)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _part_of(text: str, start: int) -> str:
    if start:
        text = "…" + text[start + 1 :]
    return text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…"


def metrics_of_run(lineage: Lineage, run: str) -> dict[str, Any]:
    """Returns a run's overall metrics, and whether its model was blessed and fit to serve; empty without a verdict."""
    results = RunResults.of(lineage, run)
    verdict, served = results.find(Verdict), results.find(InfraValidation)
    if verdict is None:
        return {}
    fit = {"fit to serve": served.blessed} if served else {}
    return {"blessed": verdict.blessed, **fit, **verdict.overall}

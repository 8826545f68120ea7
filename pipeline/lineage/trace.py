"""Where a model came from and where it went: back to the export's files, forward to pushes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foundation.errors import DataError
from pipeline.lineage.queries import latest_blessed_model
from pipeline.lineage.records import Artifact, Execution
from pipeline.lineage.store import Lineage


@dataclass(frozen=True)
class Step:
    """One execution in a model's history, with its inputs and outputs.

    Attributes:
        node: Node id.
        execution: Execution id.
        run: Run in which it ran.
        took: Input artifacts.
        gave: Output artifacts.
        detail: Further details to show: files and fingerprint, schema, verdict, version.
    """

    node: str
    execution: int
    run: str
    took: tuple[Artifact, ...]
    gave: tuple[Artifact, ...]
    detail: dict[str, Any]


@dataclass(frozen=True)
class Trace:
    """A model's full history."""

    model: Artifact
    back: tuple[Step, ...]
    forth: tuple[Step, ...]


def find_model(lineage: Lineage, name: str | None) -> Artifact:
    """Returns a model by artifact id, pushed version or path; without a name, the latest blessed one.

    Raises:
        DataError: There is none.
    """
    known = lineage.artifacts()
    models = {a.id: a for a in known.values() if a.type == "Model"}
    if name is None:
        found = latest_blessed_model(known.values())
    elif name.isdigit() and int(name) in models:
        found = models[int(name)]
    else:
        found = _by_push(lineage, models, name)
    if found is None:
        seen = f"models {', '.join(map(str, models))}" if models else "no models in this pipeline"
        remedy = "give an artifact id, a pushed version or its folder; 'penstock show' lists them"
        raise DataError(
            f"model {name or 'latest blessed'}", expected="a model of this pipeline", seen=seen, remedy=remedy
        )
    return found


def _by_push(lineage: Lineage, models: dict[int, Artifact], name: str) -> Artifact | None:
    wanted = Path(name).name
    for execution in reversed(lineage.executions()):
        if execution.node != "Pusher" or execution.state != "COMPLETE":
            continue
        pushed = [
            lineage.artifacts()[i]
            for ids in execution.outputs.values()
            for i in ids
            if i in lineage.artifacts()
        ]
        if any(Path(str(a.properties.get("pushed_destination", ""))).name == wanted for a in pushed):
            return next((models[i] for ids in execution.inputs.values() for i in ids if i in models), None)
    return next((m for m in models.values() if m.uri.rstrip("/").endswith(name.rstrip("/"))), None)


def trace(lineage: Lineage, model: Artifact) -> Trace:
    """Returns the executions before and after a model, each once, in the order in which they ran."""
    done = [e for e in lineage.executions() if e.state == "COMPLETE"]
    makers = {
        i: e for e in done if e.outputs and e.inputs is not None for ids in e.outputs.values() for i in ids
    }
    back = _closure(
        [model.id], lambda i: [makers[i]] if i in makers else [], lambda e: _ids(e.inputs.values())
    )
    behind = {e.id for e in back}

    def users(artifact: int) -> list[Execution]:
        return [e for e in done if e.id not in behind and artifact in _ids(e.inputs.values())]

    forth = _closure([model.id], users, lambda e: _ids(e.outputs.values()))
    known = lineage.artifacts()
    return Trace(model, tuple(_step(e, known) for e in back), tuple(_step(e, known) for e in forth))


def _closure(start: list[int], executions_of: Any, artifacts_of: Any) -> list[Execution]:
    found: dict[int, Execution] = {}
    todo = list(start)
    while todo:
        for execution in executions_of(todo.pop()):
            if execution.id not in found:
                found[execution.id] = execution
                todo += artifacts_of(execution)
    return [found[i] for i in sorted(found)]


def _ids(groups: Iterable[tuple[int, ...]]) -> list[int]:
    return [i for group in groups for i in group]


def _step(execution: Execution, known: dict[int, Artifact]) -> Step:
    took = tuple(known[i] for i in _ids(execution.inputs.values()) if i in known)
    gave = tuple(known[i] for i in _ids(execution.outputs.values()) if i in known)
    return Step(execution.node, execution.id, execution.run, took, gave, _detail(execution, gave))


def _detail(execution: Execution, gave: tuple[Artifact, ...]) -> dict[str, Any]:
    detail: dict[str, Any] = {}
    if "input_json" in execution.properties:
        read = json.loads(str(execution.properties["input_json"]))
        detail["fingerprint"] = read["fingerprint"]
        detail["files"] = [f[0] for f in read["files"]]
        if read["span"] is not None:
            detail["span"] = read["span"]
    parts = json.loads(str(execution.properties.get("penstock_parts", "{}")))
    for name in ("code", "user code"):
        if parts.get(name):
            detail[name] = parts[name][:12]
    if execution.node == "ImportSchemaGen":
        detail["schema"] = str(execution.properties.get("schema_file", ""))
        detail["schema digest"] = parts.get("external", "")[:12]
    for artifact in gave:
        for key in ("pushed_destination", "pushed_version", "blessed"):
            if key in artifact.properties:
                detail[key] = artifact.properties[key]
    return detail

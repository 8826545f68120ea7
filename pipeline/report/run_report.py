"""The report of one recorded run, from its record, its artifacts and its lineage."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Literal

from components.bulk_inferrer.result import Predictions
from components.evaluator.metrics import METRICS
from components.validation_gate.result import Validation, stopped_folder
from pipeline.lineage.records import Artifact
from pipeline.lineage.store import Lineage
from pipeline.lineage.trace import Step, trace
from pipeline.report.collect import Collected, collect
from pipeline.report.data import LineageStep, NodeState, NodeView, ReportData
from pipeline.report.write import write_report
from pipeline.runs.book import NodeRecord, RunRecord
from pipeline.runs.place import RunPlace
from pipeline.runs.results import RunResults

Found = Mapping[tuple[str, str], Artifact]

_GATE = "ValidationGate"
_LIBRARIES = ("penstock", "tfx", "tensorflow", "keras", "apache-beam", "ml-metadata")
_STATES: dict[str, Literal["succeeded", "failed", "interrupted"]] = {
    "complete": "succeeded",
    "failed": "failed",
    "interrupted": "interrupted",
    "running": "interrupted",
}
_NODE_STATES: dict[str, NodeState] = {"done": "run", "cached": "cached", "failed": "failed"}


def write_run_report(place: RunPlace, record: RunRecord) -> Path:
    """Writes ``report.html`` into the folder of a run.

    Args:
        place: Where the run belongs.
        record: The run.

    Returns:
        Path of the report.

    Raises:
        DataError: A file that a node must write is missing.
        StorageError: The report cannot be written.
    """
    path = place.runs.path(record.id) / "report.html"
    write_report(report_data(place, record), path)
    return path


def report_data(place: RunPlace, record: RunRecord) -> ReportData:
    """Returns everything that the report of a run shows."""
    lineage = place.lineage()
    results = RunResults.of(lineage, record.id)
    found = results.artifacts
    spec = place.loaded.spec
    return ReportData(
        pipeline=record.pipeline,
        run_id=record.id,
        state=_STATES[record.state],
        started=record.started,
        seconds=record.seconds,
        nodes=tuple(_node(node, record.error) for node in record.nodes if node.action != "resolve"),
        error=record.error,
        span=record.span,
        objective=spec.tune.objective if spec.tune else "",
        pushed=_pushed(found),
        predictions=results.find(Predictions),
        lineage=_lineage(lineage, found, place.loaded.folder, record.id),
        higher_is_better={name: metric.higher_is_better for name, metric in METRICS.items()},
        versions=versions(),
        **_with_stopped(
            collect(results, spec.evaluate.metrics), lineage, place.root / "artifacts", record.id
        ),
    )


def _with_stopped(collected: Collected, lineage: Lineage, root: Path, run: str) -> Collected:
    """Adds what validation found where it stopped the run; a failed execution has no outputs."""
    if collected.get("validation") is None:
        failed = [
            e.id for e in lineage.executions() if e.run == run and e.node == _GATE and e.state == "FAILED"
        ]
        found = [Validation.find(stopped_folder(root / _GATE, execution)) for execution in failed]
        collected["validation"] = next(filter(None, found), None)
    return collected


def _node(node: NodeRecord, error: str) -> NodeView:
    state = _NODE_STATES.get(node.state, "skipped")
    note = error if state == "failed" else ""
    seconds = node.seconds if state in ("run", "failed") else None
    return NodeView(node.node, state, seconds, tuple(node.inputs), note, node.withheld)


def _pushed(found: Found) -> str:
    artifact = found.get(("Pusher", "pushed_model"))
    return str(artifact.properties.get("pushed_destination", "")) if artifact else ""


def _lineage(lineage: Lineage, found: Found, folder: Path, run: str) -> tuple[LineageStep, ...]:
    model = found.get(("Trainer", "model"))
    if model is None:
        return ()
    way = trace(lineage, model)
    steps = [step for step in (*way.back, *way.forth) if step.gave]
    return tuple(_step(step, folder, run) for step in steps)


def _step(step: Step, folder: Path, run: str) -> LineageStep:
    details = []
    if "files" in step.detail:
        details.append("from " + ", ".join(_short(file, folder) for file in step.detail["files"]))
        details.append(f"fingerprint of the export {step.detail['fingerprint'][:16]}")
    for key in ("schema", "schema digest", "user code", "pushed_version"):
        if step.detail.get(key):
            details.append(f"{key.replace('_', ' ')} {step.detail[key]}")
    if step.run != run:
        details.append(f"made in run {step.run}")
    name = str(step.detail.get("pushed_destination") or step.gave[0].uri)
    return LineageStep(step.node, _short(name, folder), tuple(details))


def _short(path: str, folder: Path) -> str:
    inside = Path(path).is_relative_to(folder)
    return str(Path(path).relative_to(folder)) if inside else path


def versions() -> dict[str, str]:
    """Returns the versions of the software that the run used."""
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {
        **found,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }

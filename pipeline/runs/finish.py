"""The end of a run: where each result is, the report, and the few lines a person reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.mongo_example_gen.notices import notices
from pipeline.lineage.records import Artifact
from pipeline.lineage.store import artifacts_of_run
from pipeline.runs.book import RunRecord

if TYPE_CHECKING:
    from pipeline.runs.session import Session


def finish(session: Session, record: RunRecord) -> list[str]:
    """Writes what a run leaves for people and returns the lines to print.

    The schema that a first run inferred is put where it is reviewed, the HTML report is written, the record points to it.
    """
    if record.state == "unchanged":
        return ["Nothing to do: the result of the last run stands.", *_last_result(session)]
    found = artifacts_of_run(session.lineage(), record.id)
    lines = [*_warnings(found), *_verdict(found), *_schema(session, found), *_pushed(found)]
    record.report = str(_report(session, record))
    session.runs.write(record)
    lines.append(f"Report: {record.report}")
    done = sum(1 for n in record.nodes if n.state == "done" and n.action == "run")
    lines.append(f"Run {record.id} is complete: {done} nodes in {record.seconds:.1f} s.")
    return lines


def report_failure(session: Session) -> None:
    """Writes the report of the run that has just failed; its record points to it."""
    record = session.runs.find()
    if record.state == "failed":
        record.report = str(_report(session, record))
        session.runs.write(record)


def _last_result(session: Session) -> list[str]:
    complete = [r for r in session.runs.all() if r.state == "complete"]
    return (
        [f"Report of run {complete[-1].id}: {complete[-1].report}"]
        if complete and complete[-1].report
        else []
    )


def read_json(artifact: Artifact | None, name: str) -> Any:
    """Returns the JSON file of an artifact, None where there is no such artifact or file."""
    file = Path(artifact.uri) / name if artifact else None
    return json.loads(file.read_text(encoding="utf-8")) if file and file.is_file() else None


def _warnings(found: dict[tuple[str, str], Artifact]) -> list[str]:
    report = read_json(found.get(("ValidationGate", "report")), "report.json") or {}
    ingestion = read_json(found.get(("MongoExampleGen", "examples")), "ingestion.json") or {}
    said = notices(ingestion)
    said += [f["message"] for kind in ("warnings", "leakage") for f in report.get(kind, [])]
    return [f"Warning: {message}" for message in dict.fromkeys(said)]


def _verdict(found: dict[tuple[str, str], Artifact]) -> list[str]:
    verdict = read_json(found.get(("EvaluationGate", "verdict")), "verdict.json")
    served = read_json(found.get(("InfraValidator", "report")), "infra_validation.json")
    return [said["sentence"] for said in (verdict, served) if said]


def _pushed(found: dict[tuple[str, str], Artifact]) -> list[str]:
    pushed = found.get(("Pusher", "pushed_model"))
    if pushed is None:
        return []
    if not pushed.properties.get("pushed"):
        why = (read_json(pushed, "pushed.json") or {}).get("why") or ["the model is not blessed"]
        short = "; ".join(reason.partition(":")[0] for reason in why)  # the verdicts above say it whole
        return [f"Nothing was pushed: {short}."]
    return [f"Pushed: {pushed.properties.get('pushed_destination')}"]


def _schema(session: Session, found: dict[tuple[str, str], Artifact]) -> list[str]:
    inferred = found.get(("SchemaInferrer", "schema"))
    if inferred is None:
        return []
    from pipeline.schemas import offer

    pending = offer(Path(inferred.uri) / "schema.pbtxt", session.schema_file)
    return [f"A schema was inferred: review {pending}, then 'penstock schema approve'."]


def _report(session: Session, record: RunRecord) -> Path:
    from pipeline.report import write_run_report

    return write_run_report(session, record)

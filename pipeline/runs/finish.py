"""The end of a run: the report, an inferred schema, and the lines to print."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from components.evaluation_gate.beside import sentence as beside
from components.evaluation_gate.result import Verdict
from components.infra_validator.result import InfraValidation
from components.mongo_example_gen.notices import notices
from components.mongo_example_gen.result import Ingestion
from components.pusher.result import PushResult
from components.trainer.result import TrainingHistory
from components.validation_gate.result import Validation
from pipeline.runs.book import RunRecord
from pipeline.runs.place import RunPlace
from pipeline.runs.results import RunResults


def finish(place: RunPlace, record: RunRecord) -> Iterator[str]:
    """Writes the report of a run and yields the lines to print: those with the verdict before the report is written.

    A schema that a first run inferred is put where it waits for review; the record points to the HTML report.
    """
    if record.state == "unchanged":
        yield from _unchanged(place, record)
        return
    yield from _said(place, RunResults.of(place.lineage(), record.id), record)
    yield f"Report: {_report(place, record)}"
    done = sum(1 for n in record.nodes if n.state == "done" and n.action == "run")
    yield f"Run {record.id} is complete: {done} nodes in {record.seconds:.1f} s."


def report_failure(place: RunPlace) -> None:
    """Writes the report of a run that has just failed; its record points to it."""
    record = place.runs.find()
    if record.state == "failed":
        _report(place, record)


def _unchanged(place: RunPlace, record: RunRecord) -> list[str]:
    """Says what stands: the results of the document that was given, not of whichever run was the last."""
    lineage = place.lineage()
    found = RunResults.reused(lineage, record)
    lines, which = _said(place, found, record), ""
    same = found.newest_run(lineage, place.runs.all())
    if same is not None:
        record.same_as, record.report, which = same.id, same.report, f": it is that of run {same.id}"
        lines += [f"Report of run {same.id}: {place.runs.report(same)}"] if same.report else []
    return [*lines, f"Nothing to do: the result of this document is up to date{which}."]


def _said(place: RunPlace, found: RunResults, record: RunRecord) -> list[str]:
    """Returns what is said about results, whether they were made or reused."""
    return [
        *_warnings(found),
        *(f"Note: {note}." for note in record.notes),
        *_search(found),
        *_training(found),
        *_verdict(found),
        *_schema(place, found),
        *_pushed(found),
        *_predicted(found),
    ]


def _warnings(found: RunResults) -> list[str]:
    validation = found.find(Validation)
    said = [notice for ingestion in found.find_all(Ingestion) for notice in notices(ingestion)]
    said += [f.message for f in (*validation.warnings, *validation.leakage)] if validation else []
    return [f"Warning: {message}" for message in dict.fromkeys(said)]


def _search(found: RunResults) -> list[str]:
    if not found.has("Tuner"):
        return []
    from components.tuner.result import Trials

    search = found.find(Trials)
    return [f"Search: {search.sentence}"] if search and search.sentence else []


def _training(found: RunResults) -> list[str]:
    training = found.find(TrainingHistory)
    return [f"Training: {training.sentence}."] if training and training.epochs else []


def _verdict(found: RunResults) -> list[str]:
    verdict, served = found.find(Verdict), found.find(InfraValidation)
    judged = [verdict.sentence, *_beside(found, verdict)] if verdict else []
    return [*judged, *([served.sentence] if served else [])]


def _beside(found: RunResults, verdict: Verdict) -> list[str]:
    """Returns how the model does beside the simple ones, and what limits the comparison."""
    history = found.find(TrainingHistory)
    limits = history.about_references if history else ()
    said = beside(verdict)
    return [said, *(f"Note: {limit}." for limit in limits)] if said else []


def _pushed(found: RunResults) -> list[str]:
    artifact = found.artifacts.get(("Pusher", "pushed_model"))
    if artifact is None:
        return []
    if not artifact.properties.get("pushed"):
        result = found.find(PushResult)
        why = (result and result.why) or ["the model is not blessed"]
        short = "; ".join(reason.partition(":")[0] for reason in why)  # the verdicts above give it in full
        return [f"Nothing was pushed: {short}."]
    result = found.find(PushResult)
    again = f", again: it was version {result.again_of}" if result and result.again_of else ""
    return [f"Pushed: {artifact.properties.get('pushed_destination')}{again}"]


def _predicted(found: RunResults) -> list[str]:
    if not found.has("BulkInferrer"):
        return []
    from components.bulk_inferrer.result import Predictions
    from components.bulk_inferrer.sentences import predicted, unidentified

    result = found.find(Predictions)
    if result is None:
        return []
    return [*(f"Warning: {text}" for text in unidentified(result)), predicted(result)]


def _schema(place: RunPlace, found: RunResults) -> list[str]:
    inferred = found.folder("SchemaInferrer", "schema")
    if inferred is None:
        return []
    from pipeline.schemas import offer

    pending = offer(inferred / "schema.pbtxt", place.schema_file)
    return [f"A schema was inferred: review {pending}, then 'penstock schema approve'."]


def _report(place: RunPlace, record: RunRecord) -> Path:
    """Writes the report of a run, with the record, which points to it; returns where it is on this machine."""
    from pipeline.report import write_run_report

    page = write_run_report(place, record)
    place.runs.publish(record, page)
    return page

"""What is said where nothing is to do: the run, report and push of the given document, whichever ran last."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from components.evaluation_gate.result import Interval, Metric, Verdict
from components.pusher.result import PushResult
from components.trainer.fitting.schedule import Schedule
from components.trainer.result import ReferencesResult, TrainingHistory
from pipeline.lineage.records import Artifact, Execution
from pipeline.lineage.store import MemoryLineage
from pipeline.runs.book import NodeRecord, RunBook, RunRecord
from pipeline.runs.finish import finish


@pytest.fixture
def session(tmp_path: Path) -> Any:
    """Two documents have run, the first once more with everything cached, and then the second."""
    executions, artifacts = [], []
    runs = (("r1", 1, "COMPLETE"), ("r2", 2, "COMPLETE"), ("r3", 1, "CACHED"), ("r4", 2, "CACHED"))
    for number, (run, artifact, state) in enumerate(runs, start=1):
        outputs = {"pushed_model": (artifact,)}
        executions.append(Execution(number, "Pusher", state, {}, run, 0.0, 1.0, {}, outputs))
    for artifact in (1, 2):
        folder = tmp_path / f"result{artifact}"
        PushResult(True, version=artifact, again_of=7 if artifact == 1 else None).write(folder)
        properties = {"pushed": 1, "pushed_destination": f"served/{artifact}"}
        artifacts.append(Artifact(artifact, "PushedModel", str(folder), "LIVE", properties))
    book = RunBook(tmp_path)
    for run, *_ in runs:
        book.write(RunRecord(run, "p", "complete", 0.0, report=f"{run}.html"))
    lineage = MemoryLineage(executions, artifacts)
    return SimpleNamespace(lineage=lambda: lineage, runs=book, loaded=SimpleNamespace(folder=tmp_path))


def unchanged(execution: int) -> RunRecord:
    node = NodeRecord("Pusher", "cached", "unchanged", execution=execution)
    return RunRecord("now", "p", "unchanged", 0.0, nodes=[node], notes=["Pusher: version 3 stays served"])


@pytest.mark.parametrize(("execution", "run"), [(1, "r3"), (2, "r4")], ids=["first", "second"])
def test_the_run_of_the_given_document_is_named(session: Any, execution: int, run: str) -> None:
    record = unchanged(execution)
    lines = list(finish(session, record))
    assert lines[-2] == f"Report of run {run}: {run}.html"
    last = "Nothing to do: the result of this document is up to date: it is that of run"
    assert lines[-1] == f"{last} {run}."  # all that --quiet prints
    assert (record.same_as, record.report) == (run, f"{run}.html")
    assert f"served/{execution}" in "\n".join(lines)
    assert not session.runs.path("now").exists()


def test_notes_and_a_push_that_was_made_again_are_said(session: Any) -> None:
    lines = list(finish(session, unchanged(1)))
    assert lines[:2] == ["Note: Pusher: version 3 stays served.", "Pushed: served/1, again: it was version 7"]


def test_a_run_whose_record_is_gone_is_not_replaced_by_another(session: Any) -> None:
    for run in ("r1", "r3"):
        session.runs.write(replace(session.runs.find(run), state="failed"))
    record = unchanged(1)
    assert list(finish(session, record))[-1] == "Nothing to do: the result of this document is up to date."
    assert (record.same_as, record.report) == ("", "")


def test_the_end_of_the_training_is_said(tmp_path: Path) -> None:
    TrainingHistory(
        ({"epoch": 1}, {"epoch": 2}),
        schedule=Schedule(100, 10, 1000),
        stopped_early=True,
        train={"early_stopping": {"patience": 1}},
    ).write(tmp_path / "model_run")
    execution = Execution(1, "Trainer", "COMPLETE", {}, "r1", 0.0, 1.0, {}, {"model_run": (1,)})
    artifact = Artifact(1, "model_run", str(tmp_path / "model_run"), "LIVE", {})
    lineage = MemoryLineage([execution], [artifact])
    session: Any = SimpleNamespace(lineage=lambda: lineage, runs=RunBook(tmp_path))
    node = NodeRecord("Trainer", "cached", "unchanged", execution=1)
    assert next(finish(session, RunRecord("now", "p", "unchanged", 0.0, nodes=[node]))) == (
        "Training: ended early at 200 of 1,000 steps: val_loss had not improved for 1."
    )


def test_the_model_is_shown_beside_the_simple_ones_and_what_limits_that(tmp_path: Path) -> None:
    gains = {"linear": Interval(0.004, -0.002, 0.01), "constant": Interval(0.319, 0.3, 0.34)}
    beside = {"linear": 0.815, "constant": 0.5}
    auc = Metric("auc", "overall", 0.819, 0.801, 0.836, 2433, references=beside, gains=gains)
    Verdict(True, "Blessed: auc 0.819.", metrics=(auc,)).write(tmp_path / "verdict")
    references = ReferencesResult((0.4,), rows=200_000, converged=False, strength=1.0)
    TrainingHistory((), rows={"train": 300_000}, references=references).write(tmp_path / "model_run")
    places = {"EvaluationGate": "verdict", "Trainer": "model_run"}
    executions = [
        Execution(i, node, "COMPLETE", {}, "r1", 0.0, 1.0, {}, {key: (i,)})
        for i, (node, key) in enumerate(places.items(), start=1)
    ]
    artifacts = [
        Artifact(i, key, str(tmp_path / key), "LIVE", {}) for i, key in enumerate(places.values(), start=1)
    ]
    lineage = MemoryLineage(executions, artifacts)
    session: Any = SimpleNamespace(lineage=lambda: lineage, runs=RunBook(tmp_path))
    nodes = [NodeRecord(node, "cached", "unchanged", execution=i) for i, node in enumerate(places, start=1)]
    assert list(finish(session, RunRecord("now", "p", "unchanged", 0.0, nodes=nodes)))[:4] == [
        "Blessed: auc 0.819.",
        "Beside simple models: AUC 0.819 (0.801–0.836); linear baseline 0.815, difference 0.004 (-0.002 to 0.010): "
        "not told apart; constant baseline 0.500, better by 0.319 (0.300 to 0.340).",
        "Note: the linear baseline was fitted on a sample of 200,000 of 300,000 train rows.",
        "Note: its solver ended before it converged, so a linear model may reach a little more.",
    ]

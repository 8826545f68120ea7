"""What is said where nothing is to do: the run, report and push of the given document, whichever ran last."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from components.pusher.result import PushResult
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
    lines = finish(session, record)
    assert lines[-1] == f"Report of run {run}: {run}.html"
    assert (record.same_as, record.report) == (run, f"{run}.html")
    assert f"served/{execution}" in "\n".join(lines)
    assert not session.runs.path("now").exists()


def test_notes_and_a_push_that_was_made_again_are_said(session: Any) -> None:
    lines = finish(session, unchanged(1))
    assert lines[:2] == ["Note: Pusher: version 3 stays served.", "Pushed: served/1, again: it was version 7"]


def test_a_run_whose_record_is_gone_is_not_replaced_by_another(session: Any) -> None:
    for run in ("r1", "r3"):
        session.runs.write(replace(session.runs.find(run), state="failed"))
    record = unchanged(1)
    assert finish(session, record)[-1] == "Nothing to do: the result of this document is up to date."
    assert (record.same_as, record.report) == ("", "")

"""What a run shows while it is running."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from components.evaluation_gate.result import Verdict
from pipeline.cli.progress import LineProgress, LiveProgress
from pipeline.graph import Graph
from pipeline.lineage.store import MemoryLineage
from pipeline.plan import make_plan
from pipeline.runners.base import Event
from pipeline.runs.book import RunRecord
from tests.pipeline.conftest import history_of

RECORD = RunRecord("r2", "learners", "running", 0.0)
READ = Event("MongoExampleGen", "done", 2.0, 1, {"documents": 12000})


def test_lines_show_what_ended_and_how_fast(
    graph_of: Callable[..., Graph], capsys: pytest.CaptureFixture[str]
) -> None:
    progress = LineProgress()
    progress.planned(make_plan(graph_of(), MemoryLineage()), ["Trainer"], RECORD)
    progress.happened(Event("MongoExampleGen", "running"))
    progress.happened(READ)
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "An interrupted run left Trainer open: closed, partial results removed."
    assert out[1] == "Run r2: 11 nodes to run, 0 cached."
    assert out[2].split() == ["✓", "MongoExampleGen", "2.0", "s", "12,000", "documents,", "6,000/s"]


def test_the_verdict_is_told_as_soon_as_it_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    verdict = Verdict(True, "Blessed: auc 0.819 meets ≥ 0.75; the gates hold on 16 slices.")
    LineProgress().happened(Event("EvaluationGate", "done", 0.2, 3, decided=verdict.decided))
    assert capsys.readouterr().out.endswith("0.2 s  Blessed: auc 0.819 meets ≥ 0.75\n")
    assert (
        Verdict(False, "Not blessed: needs auc ≥ 0.7, has 0.6.").decided
        == "Not blessed: needs auc ≥ 0.7, has 0.6"
    )


def test_a_node_that_did_nothing_has_no_tick(
    graph_of: Callable[..., Graph], capsys: pytest.CaptureFixture[str]
) -> None:
    refused = Event("Pusher", "done", 0.1, 3, withheld="nothing pushed")
    LineProgress().happened(refused)
    assert capsys.readouterr().out.split() == ["○", "Pusher", "0.1", "s", "nothing", "pushed"]
    console = Console(file=io.StringIO(), width=100)
    progress = LiveProgress(console)
    progress.planned(make_plan(graph_of(push={"to": "out"}), MemoryLineage()), [], RECORD)
    progress.happened(refused)
    console.print(progress.__rich__())
    progress.end()
    row = next(line for line in console.file.getvalue().splitlines() if "Pusher" in line)  # type: ignore[attr-defined]
    assert row.split() == ["○", "Pusher", "0.1", "s", "nothing", "pushed"]


def test_the_table_estimates_the_time_left_from_history(
    graph_of: Callable[..., Graph], tmp_path: Path
) -> None:
    history = history_of(graph_of(), tmp_path, seconds=40.0)
    plan = make_plan(graph_of(train={"steps": 7}), history)
    console = Console(file=io.StringIO(), width=100, force_terminal=True)
    progress = LiveProgress(console)
    progress.planned(plan, [], RECORD)
    progress.happened(Event("Trainer", "running"))
    console.print(progress.__rich__())
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "about 40.0 s left" in text or "about 39.9 s left" in text
    progress.happened(Event("Trainer", "done", 41.0, 1, {"steps": 820}))
    console.print(progress.__rich__())
    progress.end()
    assert "820 steps, 20/s" in console.file.getvalue()  # type: ignore[attr-defined]


def test_the_table_shows_how_far_a_node_is(graph_of: Callable[..., Graph]) -> None:
    console = Console(file=io.StringIO(), width=100, force_terminal=True)
    progress = LiveProgress(console)
    progress.planned(make_plan(graph_of(), MemoryLineage()), [], RECORD)
    progress.happened(Event("Trainer", "running"))
    progress.happened(
        Event("Trainer", "running", progress={"epoch": 3, "epochs": 8, "loss": 0.41, "val_loss": 0.43})
    )
    console.print(progress.__rich__())
    progress.end()
    assert "epoch 3 of 8, loss 0.41, val_loss 0.43" in console.file.getvalue()  # type: ignore[attr-defined]


def test_lines_tell_how_far_a_long_node_is_but_seldom(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [100.0]
    monkeypatch.setattr("pipeline.cli.progress.time.monotonic", lambda: now[0])
    progress = LineProgress()
    for trial in range(1, 6):
        now[0] += 4
        progress.happened(Event("Tuner", "running", progress={"trial": trial, "trials": 20, "best": 0.7}))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(maxsplit=2)[2] for line in lines] == ["trial 3 of 20, best 0.7"]


def test_only_what_is_counted_first_has_a_speed() -> None:
    counted = {"documents": 12_000, "quarantined": 4, "bytes": 7_000}
    event = Event("MongoExampleGen", "done", 2.0, 1, counted)
    assert event.rate == "12,000 documents, 6,000/s; 4 quarantined; 7,000 bytes"
    assert Event("MongoExampleGen", "done", 2.0, 1, {"documents": 0}).rate == ""

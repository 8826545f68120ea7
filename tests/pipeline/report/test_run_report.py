"""A recorded run and its lineage become the report's data."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from components.validation_gate.result import Finding, Validation, stopped_folder
from pipeline.lineage.records import Artifact, Execution
from pipeline.lineage.store import MemoryLineage
from pipeline.report import write_run_report
from pipeline.report.run_report import report_data
from pipeline.runs.book import NodeRecord, RunBook, RunRecord

RUN = "20250324T091244-ab12"


def execution(number: int, node: str, inputs: dict, outputs: dict, **properties) -> Execution:
    return Execution(number, node, "COMPLETE", properties, RUN, 0.0, 1.0, inputs, outputs)


@pytest.fixture
def session(tmp_path) -> SimpleNamespace:
    (tmp_path / "model_run").mkdir()
    (tmp_path / "model_run" / "history.json").write_text(json.dumps({"epochs": [{"epoch": 1, "loss": 0.5}]}))
    read = json.dumps({"fingerprint": "f" * 32, "files": [["exports/learners.jsonl", 10, 0]], "span": 2})
    pushed = str(tmp_path / "serving_models" / "7")
    artifacts = [
        Artifact(1, "Examples", str(tmp_path / "elsewhere"), "LIVE"),
        Artifact(2, "Model", str(tmp_path / "model"), "LIVE"),
        Artifact(3, "ModelRun", str(tmp_path / "model_run"), "LIVE"),
        Artifact(4, "PushedModel", "/pushed", "LIVE", {"pushed_destination": pushed, "pushed_version": "7"}),
    ]
    executions = [
        execution(1, "InferExampleGen", {}, {"examples": (1,)}, input_json=read),
        execution(2, "Trainer", {"examples": (1,)}, {"model": (2,), "model_run": (3,)}),
        execution(3, "Pusher", {"model": (2,)}, {"pushed_model": (4,)}),
    ]
    spec = SimpleNamespace(tune=None, evaluate=SimpleNamespace(metrics=["auc"]))
    return SimpleNamespace(
        lineage=lambda: MemoryLineage(executions, artifacts),
        loaded=SimpleNamespace(spec=spec, folder=tmp_path),
        runs=RunBook(tmp_path),
        root=tmp_path,
        executions=executions,
    )


def record(**changes) -> RunRecord:
    nodes = [
        NodeRecord("Trainer", "run", "never ran", "done", 3.0, 2, []),
        NodeRecord("BaselineModel", "resolve", "", "done", 0.0, None, ["Trainer"]),
        NodeRecord("Pusher", "run", "never ran", "failed", 0.5, 3, ["Trainer"]),
        NodeRecord("BulkInferrer", "run", "never ran", "planned", 0.0, None, ["Trainer"]),
    ]
    return RunRecord(RUN, "p", "failed", 100.0, 110.0, nodes=nodes, error="disk full", **changes)


def test_nodes_keep_state_and_look_ups_are_left_out(session):
    nodes = report_data(session, record()).nodes
    assert [(n.id, n.state, n.seconds) for n in nodes] == [
        ("Trainer", "run", 3.0),
        ("Pusher", "failed", 0.5),
        ("BulkInferrer", "skipped", None),
    ]
    assert nodes[1].note == "disk full"


def test_lineage_leads_from_the_export_to_the_pushed_version(session):
    steps = report_data(session, record()).lineage
    assert [s.what for s in steps] == ["InferExampleGen", "Trainer", "Pusher"]
    assert "from exports/learners.jsonl" in steps[0].details
    assert steps[-1].name == "serving_models/7"


def test_what_a_run_did_not_reach_is_left_out(session):
    data = report_data(session, record())
    assert data.verdict is None
    assert [curve.name for curve in data.curves] == ["loss"]


def test_a_run_that_validation_stopped_shows_what_was_found(session, tmp_path):
    found = Validation(anomalies=(Finding("anomaly", "age", "a value", "none", 7, True),))
    for number, state in ((8, "FAILED"), (9, "FAILED")):
        session.executions.append(
            Execution(number, "ValidationGate", state, {}, RUN if number == 9 else "other", 0.0, 1.0)
        )
    stopped_folder(tmp_path / "artifacts" / "ValidationGate", 9).mkdir(parents=True)
    found.write(stopped_folder(tmp_path / "artifacts" / "ValidationGate", 9))
    assert report_data(session, record()).validation == found
    page = Path(write_run_report(session, record())).read_text()
    assert 'id="validation"' in page
    assert "Expected: a value" in page


def test_the_report_is_in_the_runs_folder(session):
    path = write_run_report(session, record())
    assert path == session.runs.path(RUN) / "report.html"
    assert "Pusher failed. disk full" in Path(path).read_text()

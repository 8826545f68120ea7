"""Files of a run from before result files had a format, see ``tests/format_0``."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from components.bulk_inferrer.result import Predictions
from components.evaluation_gate.result import Verdict
from components.infra_validator.result import InfraValidation
from components.mongo_example_gen.result import Ingestion
from components.node import load
from components.pusher.result import Ledger, PushResult
from components.trainer.result import TrainingHistory
from components.tuner.result import Trials, TunerResults
from components.validation_gate.result import Validation
from foundation.result import Result
from pipeline.cli import history, models
from pipeline.lineage.records import Artifact, Execution
from pipeline.lineage.store import MemoryLineage
from pipeline.nodes import NODES
from pipeline.report.run_report import write_run_report
from pipeline.runs.book import RunBook, RunRecord
from pipeline.runs.compare import metrics_of_run
from pipeline.runs.finish import finish

OLD = Path(__file__).resolve().parents[2] / "format_0"
RUN = "20261128T145031-17c8"
FILES: list[tuple[str, type[Result]]] = [
    ("BulkInferrer", Predictions),
    ("EvaluationGate", Verdict),
    ("InfraValidator", InfraValidation),
    ("MongoExampleGen", Ingestion),
    ("Pusher", PushResult),
    ("Trainer", TrainingHistory),
    ("ValidationGate", Validation),
    ("refused", Predictions),
    ("refused", PushResult),
    ("refused", Validation),
    ("refused", Verdict),
    ("search", Trials),
    ("window", Ingestion),
    (f"runs/{RUN}", RunRecord),
]
"""Folder and class of each file."""


@pytest.mark.parametrize(("folder", "kind"), FILES)
def test_an_old_file_is_read_completely(folder: str, kind: type[Result]) -> None:
    written = json.loads((OLD / folder / kind.FILE).read_text(encoding="utf-8"))
    content = kind.upgrade(written, 0) if kind is Validation else written
    assert without_empty(kind.read(OLD / folder).as_json(), content) == content


def without_empty(new: object, old: object) -> object:
    """Returns today's output without the fields that did not exist then, which must be empty."""
    if isinstance(old, dict) and isinstance(new, dict):
        assert not [key for key in new.keys() - old.keys() if not is_empty(new[key])]
        return {key: without_empty(new[key], old[key]) for key in old}
    if isinstance(old, list) and isinstance(new, (list, tuple)):
        return [without_empty(n, o) for n, o in zip(new, old, strict=True)]
    return new


def is_empty(value: object) -> bool:
    """Tells whether a value says nothing: none, zero, or a part in which everything is."""
    return all(map(is_empty, value.values())) if isinstance(value, dict) else not value


def test_an_old_ledger_is_read() -> None:
    (entry,) = Ledger.read(OLD / "versions").versions.items()
    assert (entry[0], entry[1].pinned) == (1795877514, False)


def test_every_declared_result_is_a_result_file() -> None:
    kinds = {node.id: load(node.result[1]) for node in NODES if node.result}
    assert all(issubclass(kind, Result) for kind in kinds.values())
    assert kinds["EvaluationGate"] is Verdict


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    executions, artifacts = [], []
    for number, node in enumerate((n for n in NODES if n.result and (OLD / n.id).is_dir()), start=1):
        assert node.result
        kind = (
            "Model" if node.id == "Trainer" else "Verdict" if node.id == "EvaluationGate" else node.result[0]
        )
        artifacts.append(Artifact(number, kind, str(OLD / node.id), "LIVE"))
        inputs = {} if number == 1 else {"before": (number - 1,)}
        outputs = {node.result[0]: (number,)}
        executions.append(Execution(number, node.id, "COMPLETE", {}, RUN, 0.0, 1.0, inputs, outputs))
    book = RunBook(tmp_path)
    book.write(RunRecord.read(OLD / "runs" / RUN))
    metrics = ["auc", "accuracy", "precision", "recall", "calibration"]
    spec = SimpleNamespace(tune=None, push=None, evaluate=SimpleNamespace(metrics=metrics))
    found = SimpleNamespace(
        lineage=lambda: MemoryLineage(executions, artifacts),
        root=tmp_path,
        loaded=SimpleNamespace(spec=spec, folder=tmp_path),
        runs=book,
    )
    for module in (history, models):
        monkeypatch.setattr(module, "open_session", lambda file: found)
    return found


def test_the_report_of_an_old_run(session: SimpleNamespace) -> None:
    page = write_run_report(session, session.runs.find()).read_text(encoding="utf-8")
    for said in (
        "auc 0.833",
        "208 requests",
        "Nothing found.",
        "not JSON",
        "11,996",
        "plan=",
        "≥ 0.750",
        "chosen",
    ):
        assert said in page


def test_the_verdict_is_told_before_the_report_is_written(session: SimpleNamespace) -> None:
    lines = finish(session, session.runs.find())
    said = [next(lines), next(lines)]
    assert said[1].startswith("Blessed")
    assert not list(session.root.rglob("report.html"))
    assert any(line.startswith("Report: ") for line in lines)
    assert list(session.root.rglob("report.html"))


def test_the_end_of_an_old_run(session: SimpleNamespace) -> None:
    lines = list(finish(session, session.runs.find()))
    assert [line.partition(":")[0] for line in lines[:3]] == ["Training", "Blessed", "Fit to serve"]


def test_an_old_run_is_shown(session: SimpleNamespace, capsys: pytest.CaptureFixture[str]) -> None:
    history.show()
    shown = capsys.readouterr().out
    assert "Blessed: auc 0.833" in shown and "Fit to serve: 208 requests" in shown
    history.show(as_json=True)
    said = json.loads(capsys.readouterr().out)
    assert (said["verdict"]["blessed"], said["serving"]["answers"]["compared"]) == (True, 208)
    history.runs()
    assert "complete" in capsys.readouterr().out


def trained(session: SimpleNamespace) -> str:
    return str(next(a.id for a in session.lineage().artifacts().values() if a.type == "Model"))


def test_an_old_model_is_shown(session: SimpleNamespace, capsys: pytest.CaptureFixture[str]) -> None:
    models.evaluate(trained(session))
    assert "0.8215 to 0.8445" in capsys.readouterr().out
    models.evaluate(trained(session), as_json=True)
    assert json.loads(capsys.readouterr().out)["metrics"][0]["slice"] == "overall"


def test_old_runs_are_compared(session: SimpleNamespace) -> None:
    metrics = metrics_of_run(session.lineage(), RUN)
    assert (metrics["blessed"], metrics["fit to serve"], round(metrics["auc"], 3)) == (True, True, 0.833)


def test_old_results_of_the_tuner_are_ranked_trials() -> None:
    (best,) = TunerResults.read(OLD / "Tuner").trials
    assert (best.trial, best.hyperparameters) == ("1", {"learning_rate": 0.01})


def test_what_was_called_skew_is_the_comparison_of_train_with_test() -> None:
    old = Validation.read(OLD / "refused")
    assert [(row.feature, row.outcome) for row in old.train_test] == [("minutes", "beyond bound")]
    assert old.warnings[0].kind == "train_test"
    assert old.warnings[0].message.startswith("train/test in minutes: ")

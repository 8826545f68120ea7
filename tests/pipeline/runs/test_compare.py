"""The differences between two runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.lineage.records import Artifact, Execution
from pipeline.lineage.store import MemoryLineage
from pipeline.runs.book import RunRecord
from pipeline.runs.compare import Difference, compare, shown


def record(run: str, steps: int, code: str = "abc") -> RunRecord:
    document = {"name": "learners", "train": {"steps": steps}}
    return RunRecord(run, "learners", "complete", 1.0, 2.0, document, code=code)


def lineage(folder: Path, **runs: tuple[str, float]) -> MemoryLineage:
    executions, artifacts = [], []
    for number, (run, (data, auc)) in enumerate(runs.items(), start=1):
        uri = folder / run
        uri.mkdir()
        metrics = [
            {"slice": "overall", "metric": "auc", "value": auc},
            {"slice": "country=de", "metric": "auc", "value": 0.1},
        ]
        served = {"blessed": auc > 0.5, "sentence": "…"}
        (uri / "infra_validation.json").write_text(json.dumps(served))
        (uri / "verdict.json").write_text(json.dumps({"blessed": auc > 0.7, "metrics": metrics}))
        artifacts.append(Artifact(number, "Verdict", str(uri), "LIVE"))
        parts = {"penstock_fingerprint": "f", "penstock_parts": json.dumps({"external": data})}
        executions += [
            Execution(number * 2, "MongoExampleGen", "COMPLETE", parts, run, 0, 1),
            Execution(
                number * 2 + 1, "EvaluationGate", "COMPLETE", {}, run, 0, 1, {}, {"verdict": (number,)}
            ),
            Execution(number + 90, "InfraValidator", "COMPLETE", {}, run, 0, 1, {}, {"report": (number,)}),
        ]
    return MemoryLineage(executions, artifacts)


def test_equal_runs_do_not_differ(tmp_path: Path) -> None:
    same = lineage(tmp_path, a=("d1", 0.8), b=("d1", 0.8))
    assert compare(same, record("a", 5), record("b", 5)) == []


def test_causes_come_before_results(tmp_path: Path) -> None:
    both = lineage(tmp_path, a=("d1", 0.4), b=("d2", 0.8))
    assert compare(both, record("a", 5), record("b", 9, code="def")) == [
        Difference("document", "train.steps", 5, 9),
        Difference("data", "MongoExampleGen", "d1", "d2"),
        Difference("code", "project", "abc", "def"),
        Difference("result", "blessed", False, True),
        Difference("result", "fit to serve", False, True),
        Difference("result", "auc", 0.4, 0.8),
    ]


@pytest.mark.parametrize(
    ("before", "after", "texts"),
    [
        (1.05512, 1.05548, ("1.0551", "1.0555")),
        (0.81, 0.8, ("0.810", "0.800")),
        (None, 0.5, ("", "0.5")),
        (5, "5", ("5", "'5'")),
        (True, 1.0, ("True", "1.0")),
        ("a" * 70 + "b", "a" * 70 + "c", ("…" + "a" * 29 + "b", "…" + "a" * 29 + "c")),
        ("a" * 70, "a" * 71, ("…" + "a" * 29, "…" + "a" * 30)),
    ],
)
def test_values_that_differ_read_differently(before, after, texts):
    assert shown(before, after) == texts

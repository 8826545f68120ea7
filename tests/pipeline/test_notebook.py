"""What notebooks see of a project, without TensorFlow."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from foundation.errors import DataError, SpecError
from pipeline.notebook import Project, look_table

DOCUMENT = """name: visits
data: {mongo_export: "exports/{SPAN}/*.jsonl", label: stays, fields: {country: {type: string}, stays: {type: bool}}}
features: {country: {vocabulary: 5}}
model: {type: linear, task: binary}
train: {epochs: 1}
evaluate: {metrics: [auc], gates: none}
push: {to: served}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pipeline.yaml").write_text(DOCUMENT)
    for span in (2, 10):
        (tmp_path / f"exports/{span}").mkdir(parents=True)
        rows = [
            {"_id": n, "country": "PT", "stays": n % 2 == 0, "mail": f"ada{n}@x.org"}
            for n in range(span * 10)
        ]
        (tmp_path / f"exports/{span}/a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return tmp_path


def test_a_project_is_a_folder_a_document_or_the_environment(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PENSTOCK_PROJECT", raising=False)
    with pytest.raises(SpecError, match="PENSTOCK_PROJECT; expected a project's folder"):
        Project()
    monkeypatch.setenv("PENSTOCK_PROJECT", str(folder))
    for project in (Project(), Project(folder), Project(folder / "pipeline.yaml")):
        assert project.spec.name == "visits"
        assert project.folder == folder
    assert Project().changed("train.epochs=3").changed("name=other").spec.train.epochs == 3


def test_spans_and_their_profiles(folder: Path) -> None:
    project = Project(folder)
    assert project.spans() == [2, 10]
    assert (project.look().documents, project.look(2).documents) == (100, 20)
    assert Project(folder, ["data.mongo_export=exports/2/*.jsonl"]).spans() == []


def test_no_value_of_a_person_is_shown(folder: Path) -> None:
    table = look_table(Project(folder).look()).to_string()
    assert "mail" in table
    assert "ada1" not in table


def test_a_plan_is_a_table_and_results_need_a_run(folder: Path) -> None:
    project = Project(folder)
    assert set(project.plan()["action"]) == {"run", "resolve"}
    with pytest.raises(DataError, match="expected a complete run; seen: none"):
        project.results()


def test_paths_are_shown_from_the_project(folder: Path) -> None:
    project = Project(folder)
    assert project.shown(folder / "served" / "1") == "served/1"
    assert project.shown("/elsewhere/report.html") == "report.html"

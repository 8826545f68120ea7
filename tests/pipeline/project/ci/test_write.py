"""``penstock init --ci``: where the workflow goes, what it may do, and the document of its staging run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from foundation.errors import StorageError
from pipeline.cli.main import app
from pipeline.document.loader import load
from pipeline.project.ci import write_ci
from pipeline.proving.base import PROOFS

DOCUMENT = """
name: shop
data: {mongo_export: exports/*, label: y, fields: {x: {type: float}}}
features: {x: zscore}
evaluate: {metrics: [auc], gates: {auc: 0.6}}
push: {to: serving_models}
"""
SERVICES = ("github", "gitlab")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project within a repository."""
    (tmp_path / ".git").mkdir()
    project = tmp_path / "models" / "shop"
    project.mkdir(parents=True)
    (project / "pipeline.yaml").write_text(DOCUMENT)
    return project


@pytest.mark.parametrize("service", SERVICES)
def test_the_workflow_stands_at_the_top_and_works_in_the_projects_folder(service, folder: Path) -> None:
    workflow, staging = write_ci(folder, service)
    top = folder.parents[1]
    assert workflow == top / {"github": ".github/workflows/penstock.yml", "gitlab": ".gitlab-ci.yml"}[service]
    assert staging == folder / "staging.yaml"
    text = workflow.read_text()
    assert "models/shop" in text
    assert "@" not in re.sub(r"actions/[\w-]+@|body@", "", text)


@pytest.mark.parametrize("service", SERVICES)
def test_every_proof_is_a_step(service, folder: Path) -> None:
    text = write_ci(folder, service)[0].read_text()
    assert set(re.findall(r"penstock test (\w+)", text)) == set(PROOFS)


def test_the_staging_document_is_layered_over_the_projects(folder: Path) -> None:
    write_ci(folder, "github")
    spec = load([folder / "pipeline.yaml", folder / "staging.yaml"]).spec
    assert (spec.root, spec.data.mongo_export) == ("build/staging", "tests/sample/*")
    assert spec.push is not None
    assert spec.push.to == "build/serving_models"


@pytest.mark.parametrize(
    "more",
    [
        {"data.span": 3, "data.window": 1},
        {"data.window": 4},
        {"data.mongo_export": "s3://live/{YYYY}-{MM}-{DD}/*", "data.window": 2},
        {"infer": {"mongo_export": "live/{SPAN}", "span": 2, "to": "live/predictions"}},
        {
            "root": "s3://live/root",
            "metadata": {"postgresql": {"host": "live", "database": "m", "user": "u"}},
        },
        {"metadata": {"sqlite": {"path": "live/metadata.db"}}},
        {
            "run": {
                "beam": {"default": "local", "Transform": "flink"},
                "beam_args": ["--flink_master=live:8081"],
            }
        },
    ],
    ids=lambda more: "-".join(more),
)
def test_a_staging_run_touches_nothing_of_production(folder: Path, more: dict[str, Any]) -> None:
    document = yaml.safe_load(DOCUMENT)
    document["data"]["mongo_export"] = "live/{SPAN}/*"
    for key, value in more.items():
        *way, last = key.split(".")
        (document[way[0]] if way else document)[last] = value
    (folder / "pipeline.yaml").write_text(yaml.safe_dump(document))
    write_ci(folder, "github")
    spec = load([folder / "pipeline.yaml", folder / "staging.yaml"]).spec
    assert "live" not in spec.model_dump_json()


def test_a_staging_run_reads_files_in_place_of_a_query(folder: Path) -> None:
    document = yaml.safe_load(DOCUMENT)
    document["data"] = {
        "bigquery": {"query": "SELECT * FROM live"},
        "label": "y",
        "fields": {"x": {"type": "float"}},
    }
    (folder / "pipeline.yaml").write_text(yaml.safe_dump(document))
    write_ci(folder, "github")
    spec = load([folder / "pipeline.yaml", folder / "staging.yaml"]).spec
    assert (spec.data.bigquery, spec.data.mongo_export) == (None, "tests/sample/*")


def test_actions_are_pinned_and_one_job_alone_may_write(folder: Path) -> None:
    text = write_ci(folder, "github")[0].read_text()
    uses = re.findall(r"uses: (\S+)", text)
    assert uses
    assert all(re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40}", one) for one in uses)
    found = yaml.safe_load(text)
    assert found["permissions"] == {"contents": "read"}
    writing = {name: job["permissions"] for name, job in found["jobs"].items() if "permissions" in job}
    assert writing == {"comment": {"pull-requests": "write"}}
    # The job that may write runs nothing of the repository.
    assert not [step for step in found["jobs"]["comment"]["steps"] if "uses" in step]
    assert text.count("persist-credentials: false") == text.count("actions/checkout@")


def test_nothing_of_a_pull_request_is_pasted_into_a_shell(folder: Path) -> None:
    jobs = yaml.safe_load(write_ci(folder, "github")[0].read_text())["jobs"]
    scripts = [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]
    assert not [script for script in scripts if "${{" in script]


def test_a_workflow_that_exists_is_left_alone(folder: Path) -> None:
    first = write_ci(folder, "github")[0]
    first.write_text("mine")
    with pytest.raises(StorageError, match=r"penstock\.yml; expected no such file"):
        write_ci(folder, "github")
    assert first.read_text() == "mine"
    assert [one.name for one in write_ci(folder, "gitlab")] == [".gitlab-ci.yml"]


def test_init_writes_it_for_a_project_that_is_there(folder: Path) -> None:
    done = CliRunner().invoke(app, ["init", "--ci", "github", "--folder", str(folder)])
    assert done.exit_code == 0, done.output
    assert (folder.parents[1] / ".github/workflows/penstock.yml").is_file()
    assert CliRunner().invoke(app, ["init", "--folder", str(folder)]).exit_code == 2

"""The written workflows against the checkers of their own services: actionlint, and the published JSON Schemas."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.project.ci import write_ci
from tests.side_by_side import once

pytestmark = pytest.mark.integration

ACTIONLINT = "github.com/rhysd/actionlint/cmd/actionlint@v1.7.7"
LOCK = Path(__file__).parents[3] / "requirements" / "ci.txt"
SECONDS = 300


def run(*command: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, capture_output=True, text=True, timeout=SECONDS, check=False, env={**os.environ, **more}
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / ".git").mkdir()
    project = tmp_path / "models"
    project.mkdir()
    (project / "pipeline.yaml").write_text(
        "name: shop\ndata: {mongo_export: x, label: y, fields: {x: {type: float}}}\nfeatures: {x: zscore}\nevaluate: {metrics: [auc], gates: {auc: 0.6}}\n"
    )
    return project


def test_actionlint_accepts_the_workflow_of_github(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    go = shutil.which("go")
    if go is None:
        pytest.skip("no Go on this machine to build actionlint with")

    def build(place: Path) -> None:
        done = run(go, "install", ACTIONLINT, GOBIN=str(place))
        if done.returncode:
            pytest.skip(f"actionlint cannot be built here: {done.stderr.strip().splitlines()[-1]}")

    program = once(tmp_path_factory, "actionlint", build) / "actionlint"
    workflow = write_ci(folder, "github")[0]
    good = run(str(program), "-shellcheck=", "-pyflakes=", str(workflow))
    assert good.returncode == 0, good.stdout
    workflow.write_text(workflow.read_text().replace("needs: check", "needs: nobody"))
    assert "nobody" in run(str(program), "-shellcheck=", "-pyflakes=", str(workflow)).stdout


@pytest.mark.parametrize(
    ("service", "schema"),
    [
        pytest.param("gitlab", ("vendor.gitlab-ci", "--data-transform", "gitlab-ci"), id="gitlab"),
        pytest.param("github", ("vendor.github-workflows",), id="github"),
    ],
)
def test_the_services_schemas_accept_the_workflows(
    service, schema: tuple[str, ...], folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    def build(place: Path) -> None:
        made = run(sys.executable, "-m", "venv", str(place / "env"))
        python = str(place / "env" / "bin" / "python")
        done = (
            made
            if made.returncode
            else run(python, "-m", "pip", "install", "-q", "--require-hashes", "-r", str(LOCK))
        )
        if done.returncode:
            pytest.skip(f"check-jsonschema cannot be installed here: {done.stderr.strip()[-200:]}")

    program = once(tmp_path_factory, "check_jsonschema", build) / "env" / "bin" / "check-jsonschema"
    workflow = write_ci(folder, service)[0]
    good = run(str(program), "--builtin-schema", *schema, str(workflow))
    assert good.returncode == 0, good.stdout
    workflow.write_text(workflow.read_text().replace("stage:", "stage: [1]\nother:", 1))
    assert run(str(program), "--builtin-schema", *schema, str(workflow)).returncode == 1

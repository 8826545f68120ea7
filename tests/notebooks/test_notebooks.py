"""The notebooks are committed without outputs and run from top to bottom, one after the other on one small project."""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))
EXAMPLE = REPOSITORY / "examples" / "learner_retention"
nbformat = pytest.importorskip("nbformat")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_valid_and_without_outputs(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """A project like the example, with an export small enough to train on in seconds."""
    folder = tmp_path_factory.mktemp("notebooks") / "examples" / "project"
    folder.mkdir(parents=True)
    shutil.copy(EXAMPLE / "pipeline.yaml", folder)
    spec = importlib.util.spec_from_file_location("learner_retention_generate", EXAMPLE / "generate.py")
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    for span in (1, 2):
        generate.write_span(folder / "exports" / "learners", span, 4000, seed=7)
    return folder


@pytest.mark.e2e
def test_notebooks_run_one_after_the_other(project, monkeypatch):
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("matplotlib")
    pytest.importorskip("ipykernel")
    monkeypatch.setenv("PENSTOCK_PROJECT", str(project))
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH", "")]))
    )
    monkeypatch.setenv("MPLBACKEND", "agg")
    for path in NOTEBOOKS:
        notebook = nbformat.read(path, as_version=4)
        client = nbclient.NotebookClient(notebook, timeout=600, kernel_name="python3")
        client.execute(cwd=str(REPOSITORY / "notebooks"))
    reached = [
        cell for cell in notebook.cells if cell.cell_type == "code" and "best - reached" in cell.source
    ]
    assert "reached 0." in reached[0].outputs[0]["text"]

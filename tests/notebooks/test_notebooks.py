"""The notebooks are committed with their outputs, and run from top to bottom on any project."""

from __future__ import annotations

import csv
import importlib.util
import random
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[2]
NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))
EXAMPLES = REPOSITORY / "examples"
LARGEST = 400_000
"""Bytes of a notebook, plots included, that a repository's page still shows quickly."""
nbformat = pytest.importorskip("nbformat")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_committed_as_it_ran(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1)), "run all cells in order"
    outputs = [output for cell in code for output in cell.outputs]
    assert any("image/png" in output.get("data", {}) for output in outputs), "no plot to see on the page"
    assert not [output for output in outputs if output.output_type == "error"]
    assert path.stat().st_size < LARGEST


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_names_no_machine(path: Path) -> None:
    text = re.sub(r'"image/png": "[^"]*"', "", path.read_text(encoding="utf-8"))
    assert not re.search(r"(?<![\w.])/(home|root|tmp|work|Users|usr|var)/", text)
    assert "stderr" not in text


def _binary(folder: Path) -> None:
    shutil.copy(EXAMPLES / "learner_retention" / "generate.py", folder)
    document = (EXAMPLES / "learner_retention" / "pipeline.yaml").read_text(encoding="utf-8")
    document = document.replace("../../schema/", f"{REPOSITORY}/schema/").replace("epochs: 15", "epochs: 4")
    (folder / "pipeline.yaml").write_text(document)
    spec = importlib.util.spec_from_file_location("learner_retention_generate", folder / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    for span in (1, 2):
        generate.write_span(folder / "exports" / "learners", span, 3000, seed=7)


def _multiclass(folder: Path) -> None:
    for name in ("exports", "features.py"):
        source = EXAMPLES / "handwritten_digits" / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / name)
    document = (EXAMPLES / "handwritten_digits" / "pipeline.yaml").read_text(encoding="utf-8")
    document = document.replace("../../schema/", f"{REPOSITORY}/schema/").replace("epochs: 60", "epochs: 15")
    (folder / "pipeline.yaml").write_text(document)


def _regression(folder: Path) -> None:
    """A CSV without spans, ids or a reviewed schema, under another file name."""
    drawn = random.Random(3)
    with (folder / "flats.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["rooms", "area", "town", "price"])
        for _ in range(1500):
            rooms, area, town = (
                drawn.randint(1, 6),
                drawn.uniform(20, 160),
                drawn.choice(["Bonn", "Ulm", "Kiel"]),
            )
            price = 900 * area + 5000 * rooms + 20_000 * (town == "Bonn") + drawn.gauss(0, 9000)
            writer.writerow([rooms, f"{area:.1f}", town, f"{price / 1000:.2f}"])
    (folder / "flats.yaml").write_text(
        """name: flats
data:
  mongo_export: flats.csv
  fields: {rooms: {type: int}, area: {type: float}, town: {type: string}, price: {type: float}}
  label: price
features: {rooms: zscore, area: zscore, town: {vocabulary: 10}}
model: {type: linear, task: regression}
train: {epochs: 3, learning_rate: 0.1}
evaluate: {metrics: [mae, rmse], slices: [town], gates: none}
push: {to: served}
"""
    )


def _joined(notebooks: list[Any]) -> Any:
    """All notebooks as one, each beginning with no names: a kernel for each takes longest to start and to import."""
    joined = nbformat.v4.new_notebook()
    joined.cells = [
        cell for one in notebooks for cell in [nbformat.v4.new_code_cell("%reset -f"), *one.cells]
    ]
    return joined


PROJECTS = {"learners": (_binary, ""), "digits": (_multiclass, ""), "flats": (_regression, "flats.yaml")}


@pytest.mark.e2e
@pytest.mark.parametrize("name", PROJECTS)
def test_notebooks_run_one_after_the_other(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib")
    pytest.importorskip("ipykernel")
    from scripts.execute_notebooks import run

    make, document = PROJECTS[name]
    make(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    notebooks = [nbformat.read(path, as_version=4) for path in NOTEBOOKS]
    for notebook in notebooks if name == "learners" else [_joined(notebooks)]:
        run(notebook, tmp_path / document)
    text = "\n".join(
        o.get("text", "") for c in notebooks[2].cells if c.cell_type == "code" for o in c.outputs
    )
    assert ("reached 0." in text) == (name == "learners")
    assert not (REPOSITORY / "notebooks" / "from_notebook.py").exists()
    assert (tmp_path / "from_notebook.py").exists()

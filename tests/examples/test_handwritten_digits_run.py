"""The second example from its export to a pushed model."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.side_by_side import importing

pytestmark = pytest.mark.e2e

REPOSITORY = Path(__file__).parents[2]
EXAMPLE = REPOSITORY / "examples" / "handwritten_digits"
MADE = shutil.ignore_patterns(".penstock", "serving_models", "quarantine", "__pycache__")


def penstock(project: Path, *arguments: str) -> str:
    code = "from pipeline.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=project,
        env=importing(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_example_is_blessed_and_pushed(tmp_path):
    project = shutil.copytree(EXAMPLE, tmp_path / "examples" / EXAMPLE.name, ignore=MADE)
    reviewed = tmp_path / "schema" / EXAMPLE.name / "schema.pbtxt"
    # Before there is a schema, the first run infers one; the one that was reviewed differs in what was added by hand.
    assert f"A schema was inferred: review {reviewed}.inferred" in penstock(
        project, "run", "--to", "SchemaInferrer"
    )
    shutil.copy(REPOSITORY / "schema" / EXAMPLE.name / "schema.pbtxt", reviewed)
    differences = penstock(project, "schema", "diff")
    assert "pixels" in differences and "digit" in differences and "_id" not in differences
    printed = penstock(project, "run")
    assert "Blessed: accuracy 0.9" in printed
    verdict = json.loads(penstock(project, "show", "--json"))["verdict"]
    by_digit = {m["slice"]: m["value"] for m in verdict["metrics"] if m["metric"] == "accuracy"}
    assert set(by_digit) == {"overall", *(f"digit={digit}" for digit in range(10))}
    versions = [folder for folder in (project / "serving_models").iterdir() if folder.name.isdigit()]
    assert (versions[0] / "saved_model.pb").is_file()

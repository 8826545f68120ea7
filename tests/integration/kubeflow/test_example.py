"""The example's document for Kubeflow is what the command writes, and a document that is refused leaves nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipeline.cli.main import main

pytestmark = pytest.mark.integration

EXAMPLES = Path(__file__).parents[3] / "examples"
DOCUMENT = EXAMPLES / "learner_retention" / "pipeline.yaml"
KEPT = EXAMPLES / "production" / "kubeflow"
DIGEST = re.compile(r"learner_retention-[0-9a-f]{12}")


def export(to: Path, *layers: Path) -> int:
    files = [part for layer in (DOCUMENT, *layers) for part in ("-f", str(layer))]
    return main(["export", "kubeflow", *files, "--to", str(to)])


def test_the_examples_document_is_current(tmp_path: Path) -> None:
    assert export(tmp_path, KEPT / "production.yaml") == 0
    made = (tmp_path / "learner_retention.yaml").read_text()
    kept = (KEPT / "learner_retention.yaml").read_text()
    assert DIGEST.sub("BUNDLE", made) == DIGEST.sub("BUNDLE", kept)


def test_a_document_that_is_refused_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export(tmp_path / "to") == 2
    assert "production.image" in capsys.readouterr().err
    assert not (tmp_path / "to").exists()

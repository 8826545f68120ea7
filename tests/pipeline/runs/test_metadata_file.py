"""A file of ML Metadata that the document names is the same in whatever folder a command is started."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from pipeline.document.loader import load
from pipeline.runs.session import Session

DOCUMENT = Path(__file__).parents[3] / "examples" / "learner_retention" / "pipeline.yaml"


@pytest.mark.parametrize("given", ["state/metadata.db", "/elsewhere/metadata.db"])
def test_the_file_is_found_from_the_documents_folder(
    given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = yaml.safe_load(DOCUMENT.read_text())
    project = tmp_path / "project"
    project.mkdir()
    file = project / "pipeline.yaml"
    file.write_text(yaml.safe_dump({**content, "metadata": {"sqlite": {"path": given}}}))
    monkeypatch.chdir(tmp_path)
    sqlite = Session(load([file])).loaded.spec.metadata.sqlite
    assert sqlite is not None and sqlite.path == str(project / given)

"""The page of the document is up to date, and its example is valid."""

from __future__ import annotations

import re
from pathlib import Path

from pipeline.document.reference import put_into
from serving.experiments.document.models import ExperimentsDocument
from serving.experiments.document.reader import parse_document

PAGE = Path(__file__).resolve().parents[4] / "docs" / "experiments.md"


def test_the_page_is_not_stale() -> None:
    text = PAGE.read_text(encoding="utf-8")
    command = "python -m pipeline.document.reference docs/experiments.md serving.experiments.document.models:ExperimentsDocument"
    assert put_into(text, ExperimentsDocument) == text, f"run: {command}"
    assert text.count("\n### `") > 15


def test_the_example_of_the_page_is_valid() -> None:
    example = re.search(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert example
    assert parse_document(example[1], "docs/experiments.md").experiments["new_version"].shares()["new"] == 0.1

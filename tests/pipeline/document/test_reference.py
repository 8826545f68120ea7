"""The reference page of the document is up to date, and its examples are valid."""

from __future__ import annotations

import re
from pathlib import Path

from pipeline.document import PipelineSpec, load
from pipeline.document.reference import BEGIN, END, put_into, render

PAGE = Path(__file__).resolve().parents[3] / "docs" / "document.md"


def test_the_page_is_not_stale() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert put_into(text) == text, "run: python -m pipeline.document.reference docs/document.md"


def test_every_key_of_the_document_is_in_the_tables() -> None:
    tables = render()
    for name, field in PipelineSpec.model_fields.items():
        assert f"| `{field.alias or name}` |" in tables


def test_every_row_has_a_meaning() -> None:
    rows = [line for line in render().splitlines() if line.startswith("| `")]
    assert [row for row in rows if row.endswith("|  |")] == []


def test_tables_are_written_only_between_the_markers() -> None:
    page = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    assert put_into(page) == f"before\n{BEGIN}\n\n{render()}\n\n{END}\nafter\n"


def test_the_first_example_of_the_page_loads(tmp_path: Path) -> None:
    example = re.search(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert example
    document = tmp_path / "pipeline.yaml"
    document.write_text(example[1], encoding="utf-8")
    assert load([document]).spec.name == "learner_retention"

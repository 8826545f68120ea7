"""Compiled templates: made once, of the text as it is now, and only where Python keeps byte code."""

from __future__ import annotations

from pathlib import Path

import pytest
from jinja2 import Environment, FileSystemLoader

from foundation.pages.compiled import KeptTemplates


def page(folder: Path) -> str:
    environment = Environment(
        loader=FileSystemLoader(folder), autoescape=True, bytecode_cache=KeptTemplates(folder)
    )
    return environment.get_template("page.j2").render(name="<Ada>")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("sys.dont_write_bytecode", False)
    (tmp_path / "page.j2").write_text("Hello {{ name }}")
    return tmp_path


def test_a_template_is_compiled_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert page(folder) == "Hello &lt;Ada&gt;"
    assert [file.parent.name for file in folder.rglob("*.template")] == ["__pycache__"]
    monkeypatch.setattr(Environment, "_generate", _refused)
    assert page(folder) == "Hello &lt;Ada&gt;"


def _refused(*_: object) -> str:
    raise AssertionError("it was compiled again")


def test_a_changed_template_is_compiled_anew(folder: Path) -> None:
    page(folder)
    (folder / "page.j2").write_text("Good bye {{ name }}")
    assert page(folder) == "Good bye &lt;Ada&gt;"


@pytest.mark.parametrize("left", [0, 12, 30, 60])
def test_a_file_that_was_cut_short_is_made_anew(folder: Path, left: int) -> None:
    page(folder)
    (kept,) = folder.rglob("*.template")
    kept.write_bytes(kept.read_bytes()[:left])
    assert page(folder) == "Hello &lt;Ada&gt;"


def test_nothing_is_kept_where_python_keeps_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    page(folder)
    assert not list(folder.rglob("*.template"))


def test_a_folder_that_cannot_be_written_does_no_harm(folder: Path) -> None:
    (folder / "__pycache__").write_text("a file where a folder would be")
    assert page(folder) == "Hello &lt;Ada&gt;"

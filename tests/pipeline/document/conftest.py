"""A valid document, and a way to load variations of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.document import SpecErrors, load
from pipeline.document.loader import LoadedSpec

DOCUMENT = """\
name: learners
data:
  mongo_export: exports/{SPAN}/*.jsonl
  fields:
    profile.country: country
    stats.lessons: {to: lessons, type: int}
    stats.minutes: {to: minutes, type: float}
    bio: {type: string}
    seen_at: {type: date}
    topics: {list: true}
  label: retained
features:
  country: {vocabulary: 10}
  lessons: zscore
evaluate:
  metrics: [auc, accuracy]
  slices: [country]
  gates: {auc: 0.7}
"""


@pytest.fixture
def right() -> str:
    """The text of a valid document."""
    return DOCUMENT


@pytest.fixture
def document(tmp_path: Path) -> Path:
    """The file of a valid document."""
    path = tmp_path / "pipeline.yaml"
    path.write_text(DOCUMENT, encoding="utf-8")
    return path


@pytest.fixture
def load_with(document: Path) -> Callable[..., LoadedSpec]:
    """Loads the valid document with ``--set`` options."""
    return lambda *overrides: load([document], overrides)


@pytest.fixture
def errors_with(document: Path) -> Callable[..., str]:
    """Returns the error message of the valid document with ``--set`` options."""

    def message(*overrides: str) -> str:
        with pytest.raises(SpecErrors) as caught:
            load([document], overrides)
        return str(caught.value)

    return message


@pytest.fixture
def errors_of(tmp_path: Path) -> Callable[[str], str]:
    """Returns the error message for a text as a document, without its folder."""

    def message(text: str) -> str:
        path = tmp_path / "pipeline.yaml"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(SpecErrors) as caught:
            load([path])
        return str(caught.value).replace(f"{tmp_path}/", "")

    return message

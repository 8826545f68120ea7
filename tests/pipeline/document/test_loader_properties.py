"""For any file: valid content is read unchanged, the rest raises ``SpecErrors`` with positions."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation.document.layers import read_overrides
from foundation.document.problems import show_path
from foundation.document.reader import read_text
from pipeline.document import SpecErrors, load

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=12)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), TEXT)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)

RIGHT: dict[str, Any] = {
    "name": "x",
    "data": {"mongo_export": "x", "label": "y"},
    "features": {"a": "zscore"},
    "evaluate": {"metrics": ["auc"], "gates": "none"},
}


def load_text(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pipeline.yaml"
        path.write_bytes(text.encode("utf-8", "surrogateescape"))
        load([path])


def places_or_fine(text: str) -> None:
    try:
        load_text(text)
    except SpecErrors as error:
        assert error.problems
        for problem in error.problems:
            assert problem.at is not None
            assert problem.at.line >= 1
            assert problem.at.column >= 1
        assert "pydantic" not in str(error)


@settings(deadline=None)
@given(st.dictionaries(TEXT, VALUES, max_size=5))
def test_any_mapping_is_read_as_it_was_written(mapping: dict[str, Any]) -> None:
    # The writer only knows YAML 1.1; without quotes it would write text such as 1e3, which 1.2 reads as a number.
    quoted = yaml.safe_dump(mapping, allow_unicode=True, sort_keys=False, default_style='"')
    assert read_text(quoted, "f").plain() == mapping


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=80))
def test_any_text_gives_problems_with_positions(text: str) -> None:
    places_or_fine(text)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_give_problems_with_positions(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pipeline.yaml"
        path.write_bytes(content)
        try:
            load([path])
        except SpecErrors as error:
            assert all(problem.at and problem.at.line >= 1 for problem in error.problems)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(
        [
            "data",
            "features",
            "model",
            "train",
            "tune",
            "evaluate",
            "push",
            "infra_validation",
            "metadata",
            "validate",
            "values",
        ]
    ),
    VALUES,
)
def test_any_section_gives_problems_with_positions(section: str, value: Any) -> None:
    places_or_fine(yaml.safe_dump({**RIGHT, section: value}, allow_unicode=True, default_style='"'))


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 200), st.integers(1, 30))
def test_a_document_cut_anywhere_gives_problems_with_positions(start: int, length: int) -> None:
    text = yaml.safe_dump({**RIGHT, "train": {"steps": 3}, "tune": {"search": {"hidden": [[3], [4]]}}})
    places_or_fine(text[:start] + text[start + length :])


@settings(deadline=None)
@given(st.lists(TEXT.filter(bool), min_size=1, max_size=4), st.integers())
def test_any_path_can_be_set(keys: list[str], value: int) -> None:
    path = ".".join('"' + key.replace("\\", "\\\\").replace('"', '\\"') + '"' for key in keys)
    expected: Any = value
    for key in reversed(keys):
        expected = {key: expected}
    assert read_overrides([f"{path}={value}"])[0].plain() == expected
    assert show_path(tuple(keys))


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=30))
def test_any_override_gives_a_layer_or_problems(override: str) -> None:
    try:
        read_overrides([override])
    except SpecErrors as error:
        assert error.problems

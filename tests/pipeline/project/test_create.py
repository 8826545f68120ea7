"""A new project: it loads, its test passes, and it contains no document values."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation.errors import DataError, SpecError, StorageError
from pipeline.document import load
from pipeline.project import create_project

REPOSITORY = Path(__file__).resolve().parents[3]
Export = Callable[[list[dict[str, Any]]], Path]


def test_the_project_is_ready_to_run(export: Export, people: list[dict[str, Any]], tmp_path: Path) -> None:
    folder = tmp_path / "my people"
    written = create_project(folder, export(people))
    assert [str(path.relative_to(folder)) for path in written] == [
        "pipeline.yaml",
        "tests/test_pipeline.py",
        ".gitignore",
        "README.md",
    ]
    assert load([folder / "pipeline.yaml"]).spec.name == "my_people"
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert "2 passed" in done.stdout, done.stdout


def test_the_document_suits_the_export(export: Export, people: list[dict[str, Any]], tmp_path: Path) -> None:
    create_project(tmp_path / "p", export(people))
    spec = load([tmp_path / "p" / "pipeline.yaml"]).spec
    assert (spec.data.label, spec.model.task, spec.data.split.by) == ("churned", "binary", "user_id")
    assert spec.data.mongo_export == "../exports/people.jsonl"
    kinds = {name: [one.kind for one in several] for name, several in spec.features.declared.items()}
    assert kinds == {
        "country": ["vocabulary"],
        "age": ["zscore"],
        "bio": ["text"],
        "spent": ["zscore", "log_zscore"],
        "joined": ["zscore", "date_parts"],
        "tags": ["bag", "count"],
        "active": ["identity"],
    }
    assert spec.evaluate.slices == ["country", "active"]


def test_unread_fields_are_listed_with_a_reason(
    export: Export, people: list[dict[str, Any]], tmp_path: Path
) -> None:
    text = create_project(tmp_path / "p", export(people))[0].read_text(encoding="utf-8")
    for line in (
        "#   _id: the document's id",
        "#   user_id: identifies whose document it is; used for splitting",
        "#   email: looks personal",
        "#   version: the same in all documents",
        "#   nothing: no value in the sample",
        "#   churned_at: only present for one outcome: it leaks the label",
        "#   scores: its keys are data or cannot be written as a path",
        "label: churned   # true or false, named like an outcome",
        "# Other candidates: active",
    ):
        assert line in text


def test_no_value_of_a_document_is_copied(
    export: Export, people: list[dict[str, Any]], tmp_path: Path
) -> None:
    written = create_project(tmp_path / "p", export(people))
    for path in written:
        text = path.read_text(encoding="utf-8").lower()
        assert "canary" not in text
        assert "98765" not in text
        assert "2024" not in text


NAMES = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), min_size=1, max_size=12)
CANARIES = st.one_of(
    st.integers(77_000_000_000, 77_999_999_999),
    st.integers(1, 9).map(lambda n: f"CANARY{n}"),
    st.integers(1, 9).map(lambda n: {"$date": f"1977-07-0{n}T00:00:00Z"}),
    st.lists(st.integers(1, 9).map(lambda n: f"CANARY{n}"), max_size=3),
    st.booleans(),
    st.none(),
)


@settings(max_examples=30, deadline=None)
@given(
    st.dictionaries(
        NAMES,
        st.lists(CANARIES, min_size=4, max_size=4) | st.dictionaries(NAMES, CANARIES, max_size=3),
        max_size=5,
    )
)
def test_any_keys_give_a_document_that_loads_and_holds_no_value(fields: dict[str, Any]) -> None:
    documents = []
    for i in range(40):
        odd = {key: value[i % 4] if isinstance(value, list) else value for key, value in fields.items()}
        documents.append({**odd, "steps": 77_000_000_000 + i, "outcome": i % 3 == 0})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.jsonl"
        path.write_text("".join(json.dumps(document) + "\n" for document in documents), encoding="utf-8")
        written = create_project(Path(folder) / "p", path, "p", "outcome")
        assert load([written[0]]).spec.data.label == "outcome"
        text = written[0].read_text(encoding="utf-8")
        names = json.dumps(list(fields)) + json.dumps(
            [list(v) for v in fields.values() if isinstance(v, dict)]
        )
        assert all(canary in names or canary not in text for canary in ("CANARY", "7700000", "1977-07"))


@pytest.mark.parametrize(
    ("label", "values", "task", "positive"),
    [
        ("won", [True, False], "binary", None),
        ("won", [0, 1], "binary", None),
        ("won", [0.0, 1.0], "binary", None),
        ("won", ["0", "1"], "binary", None),
        ("won", ["true", "false"], "binary", None),
        ("won", [-1, 1], "binary", None),
        ("won", [1, 2], "binary", 2),
        ("won", [4, 2, 2], "binary", 4),
        ("grade", ["a", "b", "c"], "multiclass", None),
        ("grade", [1, 2, 3], "multiclass", None),
        ("grade", [1.0, 2.0, 3.0], "multiclass", None),
        ("price", [float(i) + 0.5 for i in range(40)], "regression", None),
        ("price", [0.5, 1.5], "regression", None),
        ("price", list(range(40)), "regression", None),
    ],
)
def test_tasks(
    export: Export, tmp_path: Path, label: str, values: list[Any], task: str, positive: object
) -> None:
    documents = [{"n": i % 7, label: values[i % len(values)]} for i in range(80)]
    create_project(tmp_path / "p", export(documents), label=label)
    spec = load([tmp_path / "p" / "pipeline.yaml"]).spec
    assert (spec.model.task, spec.model.positive) == (task, positive)
    kind = next(field.type for field in spec.data.fields.values() if field.to == label)
    assert (kind == "float") == (task == "regression" and isinstance(values[0], float))


@pytest.mark.parametrize(
    ("documents", "label", "expected"),
    [
        ([{"n": i} for i in range(50)], None, r"seen: none among n; remedy: name it: --label PATH"),
        ([{"n": i, "won": True} for i in range(50)], "won", r"the same value in all documents looked at"),
        ([{"n": i, "won": [1, 2]} for i in range(50)], "won", r"seen: an array"),
        (
            [{"n": i, "won": f"x{i}"} for i in range(50)],
            "won",
            r"text with 50 distinct values in 50 documents",
        ),
        ([{"n": i, "won": i % 2} for i in range(50)], "wno", r"did you mean 'won'\?"),
        ([{"won": i % 2} for i in range(50)], None, r"expected at least one field to learn from"),
    ],
    ids=["no label", "constant", "array", "ids", "misspelt", "nothing else"],
)
def test_labels_that_cannot_be(
    export: Export, tmp_path: Path, documents: list[dict[str, Any]], label: str | None, expected: str
) -> None:
    with pytest.raises(DataError, match=expected):
        create_project(tmp_path / "p", export(documents), "p", label)
    assert not (tmp_path / "p").exists()


def test_nothing_is_ever_overwritten(export: Export, people: list[dict[str, Any]], tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine", encoding="utf-8")
    with pytest.raises(StorageError, match=r"README.md; expected a folder without these files"):
        create_project(tmp_path, export(people), "p")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["README.md", "exports"]


def test_names_of_pipelines(export: Export, people: list[dict[str, Any]], tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="expected lower case letters"):
        create_project(tmp_path / "p", export(people), "My Pipeline")
    create_project(tmp_path / "2024 — Übung", export(people))
    assert load([tmp_path / "2024 — Übung" / "pipeline.yaml"]).spec.name == "p_2024_bung"


def test_clashing_names_are_made_unique(export: Export, tmp_path: Path) -> None:
    documents = [{"a": {"x": i % 5}, "b": {"x": i % 7}, "é x": i, "e_x": i, "won": i % 2} for i in range(60)]
    create_project(tmp_path / "p", export(documents))
    spec = load([tmp_path / "p" / "pipeline.yaml"]).spec
    names = {path: field.to for path, field in spec.data.fields.items()}
    assert names == {"a.x": "x", "b.x": "b_x", "é x": "e_x", "e_x": "e_x_2", "won": "won"}


def test_numbered_folders_are_spans(people: list[dict[str, Any]], tmp_path: Path) -> None:
    for span in ("1", "2"):
        (tmp_path / "exports" / span).mkdir(parents=True)
        text = "".join(json.dumps(document) + "\n" for document in people)
        (tmp_path / "exports" / span / "people.jsonl").write_text(text, encoding="utf-8")
    create_project(tmp_path, tmp_path / "exports", "p")
    assert load([tmp_path / "pipeline.yaml"], ["data.span=1"]).spec.data.mongo_export == "exports/{SPAN}"


@pytest.mark.parametrize("given", ["exports", "exports/{YYYY}-{MM}-{DD}", "exports/{YYYY}-{MM}-{DD}/*.jsonl"])
def test_folders_of_days_are_spans_and_a_pattern_moves_with_the_project(
    people: list[dict[str, Any]], tmp_path: Path, given: str
) -> None:
    for day in ("2024-01-30", "2024-01-31"):
        (tmp_path / "exports" / day).mkdir(parents=True)
        text = "".join(json.dumps(document) + "\n" for document in people)
        (tmp_path / "exports" / day / "people.jsonl").write_text(text, encoding="utf-8")
    create_project(tmp_path, str(tmp_path / given), "p")
    spec = load([tmp_path / "pipeline.yaml"], ["data.span=20240131"]).spec
    assert spec.data.mongo_export == (f"{given}/{{YYYY}}-{{MM}}-{{DD}}" if given == "exports" else given)
    assert "country" in spec.validation.drift


def test_the_export_may_have_an_odd_path(people: list[dict[str, Any]], tmp_path: Path) -> None:
    path = tmp_path / "week [1] 'ü$.jsonl"
    path.write_text("".join(json.dumps(document) + "\n" for document in people), encoding="utf-8")
    create_project(tmp_path / "p", path)
    assert load([tmp_path / "p" / "pipeline.yaml"]).spec.data.mongo_export == "../week [[]1] 'ü$.jsonl"

"""Windows of spans: their files, and that only new spans are read."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.exports.fields import FieldConfig
from components.exports.source import ResolvedInput, resolve, verify_unchanged
from components.exports.windows import resolve_window
from components.mongo_example_gen.config import DataConfig
from components.mongo_example_gen.spans import unused_entries
from foundation.errors import DataError

PATTERN = "e/{SPAN}/*.jsonl"


@pytest.fixture
def write_span(tmp_path: Path) -> Callable[..., Path]:
    """Writes the documents of one span."""

    def write(span: int, count: int = 120, **more: Any) -> Path:
        path = tmp_path / f"e/{span}/a.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        found = [{"_id": f"{span}-{n}", "y": n % 2 == 0, "city": f"c{n % 60}", **more} for n in range(count)]
        path.write_text("".join(json.dumps(document) + "\n" for document in found))
        return path

    return write


def test_a_window_is_the_last_existing_spans(write_span: Callable[..., Path], tmp_path: Path) -> None:
    for span in (1, 3, 4, 9):
        write_span(span)
    window = resolve_window(PATTERN, tmp_path, "latest", 3)
    assert ([one.span for one in window.spans], window.span, len(window.files)) == ([3, 4, 9], 9, 3)
    assert [one.span for one in resolve_window(PATTERN, tmp_path, 4, 9).spans] == [1, 3, 4]
    assert ResolvedInput.from_json(window.to_json()) == window


def test_a_window_of_one_is_the_span_itself(write_span: Callable[..., Path], tmp_path: Path) -> None:
    write_span(1)
    assert resolve_window(PATTERN, tmp_path, "latest", 1) == resolve(PATTERN, tmp_path)


def test_a_changed_span_is_seen(write_span: Callable[..., Path], tmp_path: Path) -> None:
    first, _ = write_span(1), write_span(2)
    window = resolve_window(PATTERN, tmp_path, "latest", 2)
    verify_unchanged(window, tmp_path)
    first.write_text(first.read_text().replace("c1", "c2"))
    assert resolve_window(PATTERN, tmp_path, "latest", 2).fingerprint != window.fingerprint
    with pytest.raises(DataError, match="other content than when the run began"):
        verify_unchanged(window, tmp_path)


def test_a_window_needs_spans(write_span: Callable[..., Path], tmp_path: Path) -> None:
    write_span(1)
    with pytest.raises(DataError, match=r"data.window 2; expected \{SPAN\} or a date"):
        resolve_window("e/1/*.jsonl", tmp_path, "latest", 2)


def test_kept_spans_depend_on_all_code_that_makes_them() -> None:
    from components.mongo_example_gen import span_cache

    names = {file.relative_to(span_cache._ROOT).as_posix() for file in span_cache._code_files()}
    assert names >= {
        "components/exports/formats/csv.py",
        "components/mongo_example_gen/columnar/fast.py",
        "components/mongo_example_gen/privacy/protect.py",
        "foundation/tfrecord.py",
    }


@pytest.fixture
def ingest_span_window(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Ingests the latest spans as the numbered execution would; returns the report."""
    import apache_beam as beam

    from components.mongo_example_gen.ingest import ingest
    from components.mongo_example_gen.plan import make_plan
    from components.mongo_example_gen.reading import Request

    def run(
        execution: int, window: int = 3, fields_: Any = ("y", "city", "n"), **data: Any
    ) -> dict[str, Any]:
        config = DataConfig.model_validate({"mongo_export": PATTERN, "label": "y", "window": window, **data})
        fields = {name: FieldConfig() for name in fields_}
        source = resolve_window(PATTERN, tmp_path, "latest", window)
        output = tmp_path / f"root/MongoExampleGen/examples/{execution}"
        request = Request(config, make_plan(config, fields, True), source, tmp_path, output)
        return ingest(request, lambda: beam.Pipeline(runner="FnApiRunner"))

    return run


def _taken(report: dict[str, Any]) -> dict[int, str]:
    return {span["span"]: span["from"] for span in report["window"]["spans"]}


@pytest.mark.component
def test_a_new_span_is_read_and_the_old_ones_are_not(
    write_span: Any, ingest_span_window: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from components.mongo_example_gen import window

    write_span(1, n=1)
    write_span(2, n=2)
    assert _taken(ingest_span_window(1)) == {1: "read", 2: "read"}
    write_span(3, n=3)
    read: list[int | None] = []
    real = window.read
    monkeypatch.setattr(window, "read", lambda r, *a: read.append(r.source.span) or real(r, *a))
    report = ingest_span_window(2)
    assert read == [3] and _taken(report) == {1: "cache", 2: "cache", 3: "read"}
    assert (
        report["documents"]["read"]
        == report["documents"]["accepted"]
        == 360
        == sum(report["splits"].values())
    )
    shards = list((tmp_path / "root/MongoExampleGen/examples/2").glob("Split-*/*.gz"))
    assert len(shards) == 9 and all(os.stat(shard).st_nlink > 1 for shard in shards)
    assert not unused_entries(tmp_path / "root/MongoExampleGen/spans")


@pytest.mark.component
def test_keys_that_are_data_are_told_and_kept_nowhere(
    write_span: Any, ingest_span_window: Any, tmp_path: Path
) -> None:
    """A near miss and the cache know names of fields only; a person's address as a key is in no file and no message."""
    for span in (1, 2):
        path = write_span(span)
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        lines[7]["xada9@x.y"] = 1
        lines[9]["by"] = {"xada9@x.y": 1, "xada": 2}
        path.write_text("".join(json.dumps(document) + "\n" for document in lines))
    with pytest.raises(DataError, match=r"path 'xada9'.*remedy: correct the path"):
        ingest_span_window(1, window=2, fields_=("y", "xada9"))
    report = ingest_span_window(2, window=2, fields_={"y": {}, "city": {}})
    written = [file for file in (tmp_path / "root").rglob("*") if file.is_file()]
    assert report["documents"]["accepted"] == 240 and any(file.name == "entry.json" for file in written)
    for content in (json.dumps(report).encode(), *(file.read_bytes() for file in written)):
        assert b"xada9@" not in content


@pytest.mark.component
def test_spans_of_other_types_are_read_again(write_span: Any, ingest_span_window: Any) -> None:
    write_span(1, n=1)
    write_span(2)
    report = ingest_span_window(1)
    assert next(f["type"] for f in report["fields"] if f["feature"] == "n") == "int"
    write_span(3, n=1.5)
    report = ingest_span_window(2)
    assert _taken(report) == {1: "read again: other types", 2: "cache", 3: "read"}
    assert next(f["type"] for f in report["fields"] if f["feature"] == "n") == "float"


@pytest.mark.component
def test_other_settings_read_all_and_copies_serve_where_links_fail(
    write_span: Any, ingest_span_window: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: Any) -> None:
        raise OSError(1, "Operation not permitted")

    write_span(1, n=1)
    write_span(2, n=1)
    ingest_span_window(1, window=2)
    monkeypatch.setattr(os, "link", no_links)
    report = ingest_span_window(2, window=2, split={"by": "city"})
    assert set(_taken(report).values()) == {"read"} and report["window"]["shards"] == "copied"
    assert len(unused_entries(tmp_path / "root/MongoExampleGen/spans")) == 2

"""Every key that holds a place has one rule: what it cannot hold is refused before anything runs, with the line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from foundation.document.problems import SpecErrors
from foundation.errors import SpecError
from foundation.places import Rule
from pipeline.cli.main import main
from pipeline.document.loader import load
from pipeline.document.models import PipelineSpec
from pipeline.document.places import ELSEWHERE, PLACES
from pipeline.export.settings import target_of

LINES: dict[tuple[str, ...], str] = {
    ("root",): "root: PLACE\nmetadata: {sqlite: {path: m.db}}",
    ("data", "mongo_export"): "data: {mongo_export: 'PLACE', label: kept}",
    (
        "data",
        "bad_documents",
        "folder",
    ): "data: {mongo_export: d.jsonl, label: kept, bad_documents: {folder: 'PLACE'}}",
    ("schema",): "schema: PLACE",
    ("features", "preprocessing_fn"): "features: {preprocessing_fn: 'PLACE/f.py:g'}",
    ("model", "build_model"): "model: {build_model: 'PLACE/f.py:g'}",
    ("infra_validation", "server"): "infra_validation: {server: 'PLACE'}",
    ("push", "to"): "push: {to: 'PLACE'}",
    ("infer", "mongo_export"): "infer: {mongo_export: 'PLACE', to: p}",
    ("infer", "to"): "infer: {mongo_export: d.jsonl, to: 'PLACE'}",
    ("metadata", "sqlite", "path"): "metadata: {sqlite: {path: 'PLACE'}}",
}
REST = {
    "name": "name: places",
    "data": "data: {mongo_export: d.jsonl, label: kept}",
    "features": "features: {lessons: zscore}",
    "evaluate": "evaluate: {metrics: [auc], gates: none}",
}
STORES = ["s3://bucket/folder", "gs://bucket/folder"]
OTHERS = [
    "az://container/folder",
    "abfss://c@account/folder",
    "hdfs://name/folder",
    "file:///tmp/folder",
    "https://example.org/folder",
    "S3://bucket/folder",
    "s3a://bucket/folder",
    "s3:/bucket/folder",
    "s3:bucket",
    "file:/tmp/folder",
]


def document(folder: Path, key: tuple[str, ...], place: str) -> Path:
    lines = {**REST, key[0]: LINES[key].replace("PLACE", place)}
    file = folder / "pipeline.yaml"
    file.write_text("\n".join(lines.values()) + "\n", encoding="utf-8")
    return file


def refusal(file: Path) -> str:
    try:
        load([file])
    except SpecErrors as error:
        return str(error)
    return ""


@pytest.mark.parametrize("place", [*STORES, *OTHERS])
@pytest.mark.parametrize("key", LINES, ids=".".join)
def test_a_place_is_taken_or_refused_by_its_rule(tmp_path: Path, key: tuple[str, ...], place: str) -> None:
    said = refusal(document(tmp_path, key, place))
    allowed = place in STORES and PLACES[key].rule is not Rule.LOCAL
    if allowed:
        assert said == ""
    else:
        number = [*{**REST, key[0]: ""}].index(key[0]) + 1
        assert f"pipeline.yaml:{number}:" in said
        assert said.count("expected " + PLACES[key].rule.value) == 1


def test_a_root_in_a_store_needs_metadata_that_outlives_a_cache(tmp_path: Path) -> None:
    file = document(tmp_path, ("root",), "s3://bucket/folder")
    file.write_text(file.read_text().replace("metadata: {sqlite: {path: m.db}}\n", ""))
    assert "metadata that outlives this machine's cache" in refusal(file)


@pytest.mark.parametrize(
    "place", ["folder", "/tmp/folder", "../folder", "a:b/c", "s3", "s3/bucket", "year=2024"]
)
@pytest.mark.parametrize("key", [k for k in LINES if k[0] not in ("features", "model")], ids=".".join)
def test_local_names_stay_allowed(tmp_path: Path, key: tuple[str, ...], place: str) -> None:
    assert "expected a local" not in refusal(document(tmp_path, key, place))


def test_credentials_in_an_address_are_refused_and_not_shown(tmp_path: Path) -> None:
    said = refusal(document(tmp_path, ("infer", "to"), "s3://id:very-secret@bucket/folder"))
    assert "credentials" in said and "very-secret" not in said


@pytest.mark.parametrize("place", ["s3://bucket/x", "s3:/bucket/x", "file:///tmp/x", "hdfs://name/x"])
@pytest.mark.parametrize(
    "arguments",
    [
        ["deploy", "--out"],
        ["init", "d.jsonl", "--folder"],
        ["spec", "--out"],
        ["export", "d", "c", "--to", "f", "--work"],
    ],
    ids=lambda given: given[0],
)
def test_options_that_write_to_this_machine_take_no_address(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    place: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([*arguments, place]) == 2
    assert "expected a local or mounted path" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_an_export_goes_to_no_folder_named_like_a_store(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="expected a local folder, s3:// or gs://"):
        target_of("s3:/bucket/x", tmp_path)


def texts(model: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yields every key that may hold a text, with what its docstring says."""
    for name, info in model.model_fields.items():
        key = (*path, info.alias or name)
        todo: list[Any] = [info.annotation]
        while todo:
            kind = todo.pop()
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from texts(kind, key)
            elif kind is str:
                yield key, name
            todo += get_args(kind)


NO_PLACE = {
    "name", "query", "project", "namespace", "fields", "type", "label", "recorded_at", "by", "stratify", "field",
    "train_before", "test_from", "key_env", "rules", "quasi_identifiers", "drift", "train_test", "declared", "with",
    "positive", "class_weights", "objective", "search", "choice", "metrics", "slices", "gates", "host", "database",
    "schedule", "start", "timezone", "span", "image", "memory", "pool", "nodes", "env", "on_failure", "parameters",
    "user", "password_env", "beam", "not_worse_than_blessed_by", "not_worse_than_linear_by",
}  # fmt: skip
"""Last parts of keys that hold names, words and values."""


def test_every_key_that_may_hold_a_place_has_a_rule() -> None:
    unknown = {
        key
        for key, _ in texts(PipelineSpec)
        if key not in PLACES
        and key not in ELSEWHERE
        and key[-1] not in NO_PLACE
        and key != ("data", "fields", "to")
    }
    assert unknown == set()
    assert set(LINES) == set(PLACES)

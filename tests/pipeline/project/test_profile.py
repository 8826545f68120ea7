"""Profiling an export: types, counts, and what is left out."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bson
import pytest

from foundation.errors import DataError
from pipeline.project import look_at

Export = Callable[[list[dict[str, Any]]], Path]


def test_types_and_shares(export: Export, people: list[dict[str, Any]]) -> None:
    profile = look_at(export(people))
    assert profile.documents == 200
    shown = {field.path: (field.type, field.is_array, round(field.present, 2)) for field in profile.fields}
    assert shown == {
        "_id": ("string", False, 1.0),
        "user_id": ("string", False, 1.0),
        "email": ("string", False, 1.0),
        "profile.country": ("string", False, 1.0),
        "profile.age": ("int", False, 1.0),
        "bio": ("string", False, 1.0),
        "spent": ("float", False, 1.0),
        "joined": ("date", False, 1.0),
        "tags": ("string", True, 1.0),
        "version": ("string", False, 1.0),
        "note": ("string", False, 0.34),
        "churned_at": ("date", False, 0.5),
        "nothing": (None, False, 0.0),
        "active": ("bool", False, 1.0),
        "churned": ("bool", False, 1.0),
    }


def test_a_map_whose_keys_are_data_is_left_out(export: Export, people: list[dict[str, Any]]) -> None:
    assert look_at(export(people)).left_out == ("scores",)
    wide = [{"m": {f"key{i}_{j}": 1 for j in range(3)}} for i in range(50)]
    assert look_at(export(wide)).left_out == ("m",)


@pytest.mark.parametrize("key", ["a.b", "", "12345", "ann@example.com", "${x}", "5f0c7e7b9d1e8a0001234567"])
def test_keys_that_cannot_be_named_or_are_data(export: Export, key: str) -> None:
    profile = look_at(export([{key: 1, "fine": 1}]))
    assert [field.path for field in profile.fields] == ["fine"]
    assert profile.left_out == ("(a key of the documents)",)


def test_arrays_of_documents(export: Export) -> None:
    profile = look_at(export([{"lessons": [{"topic": "a"}, {"topic": "b"}]}, {"lessons": []}]))
    (field,) = profile.fields
    assert (field.path, field.is_array, field.present, field.values) == ("lessons.topic", True, 0.5, 2)


def test_numbers(export: Export) -> None:
    documents = [{"flag": i % 2, "huge": 10**400 if i else 1, "tail": 1 if i else 1000} for i in range(30)]
    fields = {field.path: field for field in look_at(export(documents)).fields}
    assert fields["flag"].zero_or_one
    assert not fields["huge"].zero_or_one or fields["huge"].distinct == 2
    assert fields["tail"].skewness > 2


def test_other_formats(tmp_path: Path) -> None:
    (tmp_path / "a.bson").write_bytes(b"".join(bson.encode({"n": i, "won": i % 2 == 0}) for i in range(20)))
    (tmp_path / "b.csv").write_text(
        "n,won,s\n" + "".join(f"{i},true,x{i}\n" for i in range(20)), encoding="utf-8"
    )
    (tmp_path / "c.json.gz").write_bytes(gzip.compress(b'[{"n": 1, "won": true}, {"n": 2, "won": false}]'))
    for name in ("a.bson", "b.csv", "c.json.gz"):
        types = {field.path: field.type for field in look_at(tmp_path / name).fields}
        assert (types["n"], types["won"]) == ("int", "bool"), name


def test_only_as_many_as_requested(export: Export, people: list[dict[str, Any]]) -> None:
    assert look_at(export(people), sample=10).documents == 10


def test_a_path_that_looks_like_a_pattern(tmp_path: Path) -> None:
    path = tmp_path / "week[1]*.jsonl"
    path.write_text('{"a": 1}\n', encoding="utf-8")
    assert look_at(path).documents == 1


@pytest.mark.parametrize(
    ("content", "expected"),
    [(b"", "0 bytes"), (b"\n\n", "no content"), (b"{broken\n{broken\n", "expected documents")],
)
def test_exports_without_documents(tmp_path: Path, content: bytes, expected: str) -> None:
    path = tmp_path / "export.jsonl"
    path.write_bytes(content)
    with pytest.raises(DataError, match=expected):
        look_at(path)


def test_a_missing_export(tmp_path: Path) -> None:
    (tmp_path / "people.jsonl").write_text("{}", encoding="utf-8")
    with pytest.raises(DataError, match=r"did you mean 'people.jsonl'"):
        look_at(tmp_path / "poeple.jsonl")

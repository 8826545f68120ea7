"""mongodump folders: one collection is read, several are listed."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import bson
import pytest

from components.exports.blocks import recognise_all
from foundation.errors import DataError

LONG = "l" * 300


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    """A dump of two collections, one with a name that was cut."""
    folder = tmp_path / "shop"
    folder.mkdir()
    for stem, name in (("users", "users"), (f"{'l' * 200}%24aBc", LONG)):
        (folder / f"{stem}.bson").write_bytes(bson.encode({"_id": 1}))
        metadata = json.dumps({"indexes": [], "collectionName": name}).encode()
        (folder / f"{stem}.metadata.json.gz").write_bytes(gzip.compress(metadata))
    return folder


def files(folder: Path) -> list[tuple[Path, str]]:
    """The dump files with their names."""
    return [(path, path.name[:9]) for path in sorted(folder.glob("*.bson"))]


@pytest.mark.parametrize("name", ["users", LONG], ids=["short", "cut"])
def test_the_named_collection_is_taken(dump: Path, name: str) -> None:
    ((path, _, _),) = recognise_all(files(dump), "auto", f"shop.{name}")
    assert path.name[:5] == name[:5]


def test_several_collections_are_listed(dump: Path) -> None:
    with pytest.raises(DataError, match=r"files of one collection; seen: shop\.lll.*, shop\.users"):
        recognise_all(files(dump), "auto")


def test_a_misspelled_collection_gets_a_hint(dump: Path) -> None:
    with pytest.raises(DataError, match="did you mean"):
        recognise_all(files(dump), "auto", "shop.user")


def test_dump_files_without_metadata_are_one_export(tmp_path: Path) -> None:
    for name in ("a.bson", "b.bson"):
        (tmp_path / name).write_bytes(bson.encode({"_id": name}))
    assert len(recognise_all(files(tmp_path), "auto")) == 2


def test_a_namespace_needs_a_dump(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b'{"_id":1}\n')
    with pytest.raises(DataError, match="seen: jsonl files"):
        recognise_all([(tmp_path / "a", "a")], "auto", "shop.users")

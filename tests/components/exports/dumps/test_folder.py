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


OPLOG = {"ts": bson.Timestamp(1, 1), "op": "u", "ns": "shop.users", "o": {"$set": {"y": 1}}, "o2": {"_id": 1}}
BUCKET = {
    "_id": bson.ObjectId(),
    "control": {"version": 2, "min": {}, "max": {}},
    "meta": 1,
    "data": {"t": {}},
}
OTHERS = {
    "oplog.bson": (OPLOG, None),
    "changes.bson.gz": (OPLOG, None),
    "system.buckets.weather.bson": (BUCKET, ("weather.metadata.json", {"type": "timeseries"})),
    "system.buckets.lone.bson": (BUCKET, None),
    "weather8.bson": (BUCKET, ("weather8.metadata.json", {"type": "timeseries"})),
    "copied.bson": (BUCKET, None),
    "system.views.bson": ({"_id": "shop.v", "viewOn": "users"}, ("system.views.metadata.json", {})),
    "system.js.bson": ({"_id": "f"}, None),
}


def put(folder: Path, name: str) -> Path:
    """Writes one of the files that hold no documents, with its metadata."""
    document, metadata = OTHERS[name]
    content = bson.encode(document)
    (folder / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    if metadata:
        stem = metadata[0].removesuffix(".metadata.json")
        (folder / metadata[0]).write_text(json.dumps({"collectionName": stem, **metadata[1]}))
    return folder / name


def named(path: Path) -> list[tuple[Path, str]]:
    return [(each, f"{each.parent.name}/{each.name}") for each in sorted(path.glob("*.bson*"))]


@pytest.mark.parametrize("with_metadata", [True, False])
def test_only_documents_are_read_from_a_folder(tmp_path: Path, with_metadata: bool) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    for name in OTHERS:
        put(folder, name)
    (folder / "users.bson").write_bytes(bson.encode({"_id": 1}))
    if with_metadata:
        (folder / "users.metadata.json").write_text('{"collectionName": "users", "type": "collection"}')
    assert [name for _, name, _ in recognise_all(named(folder), "auto")] == ["shop/users.bson"]


@pytest.mark.parametrize("name", OTHERS)
def test_a_file_without_documents_is_refused_by_what_it_is(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    put(folder, name)
    what = (
        "the oplog"
        if OTHERS[name][0] is OPLOG
        else "a time series"
        if OTHERS[name][0] is BUCKET
        else "MongoDB's own"
    )
    with pytest.raises(DataError, match=what):
        recognise_all(named(folder), "auto")


@pytest.mark.parametrize("namespace", ["", "shop.users"])
def test_a_whole_dump_is_told_to_name_a_database(tmp_path: Path, namespace: str) -> None:
    put(tmp_path, "oplog.bson")
    with pytest.raises(DataError, match="name the folder of one database in the dump"):
        recognise_all(named(tmp_path), "auto", namespace)


def test_a_time_series_is_refused_by_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    put(folder, "system.buckets.weather.bson")
    with pytest.raises(DataError, match=r"shop\.weather \(a time series.*penstock export shop weather"):
        recognise_all(named(folder), "auto", "shop.weather")


def test_an_internal_collection_is_read_if_it_is_asked_for(tmp_path: Path) -> None:
    admin, shop = tmp_path / "admin", tmp_path / "shop"
    for folder, stem in ((admin, "system.users"), (admin, "tempusers"), (shop, "users")):
        folder.mkdir(exist_ok=True)
        (folder / f"{stem}.bson").write_bytes(bson.encode({"_id": 1}))
        (folder / f"{stem}.metadata.json").write_text(json.dumps({"collectionName": stem}))
    files_ = [*named(admin), *named(shop)]
    assert [name for _, name, _ in recognise_all(files_, "auto")] == ["shop/users.bson"]
    assert [name for _, name, _ in recognise_all(files_, "auto", "admin.system.users")] == [
        "admin/system.users.bson"
    ]


def test_a_collection_called_oplog_is_one(tmp_path: Path) -> None:
    (tmp_path / "oplog.bson").write_bytes(bson.encode({"_id": 1, "op": "u"}))
    assert len(recognise_all(named(tmp_path), "auto")) == 1
    (tmp_path / "oplog.bson").write_bytes(bson.encode(OPLOG))
    (tmp_path / "oplog.metadata.json").write_text(json.dumps({"collectionName": "oplog"}))
    assert len(recognise_all(named(tmp_path), "auto")) == 1

"""``penstock export`` against a real server.

FerretDB ignores hints, read concern and sessions and is no replica set: what is tested here is everything but reading
as of one moment, which tests/pipeline/export tests against a double.
"""

from __future__ import annotations

import datetime
import gzip
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import bson
import pytest
from bson import ObjectId, json_util

from components.exports.readers import sample_documents
from foundation.errors import DataError, SpecError, StorageError
from pipeline.export import ExportSettings, export
from pipeline.export.manifest import read_manifest, verify

pytestmark = pytest.mark.integration


def settings(collection: Any, folder: Path, **more: Any) -> ExportSettings:
    small = {"shard_documents": 60, "batch": 25, "parallel": 3, "patience_seconds": 1.0}
    return ExportSettings(collection.database.name, collection.name, folder, **{**small, **more})


def exported(folder: Path) -> list[dict[str, Any]]:
    """All documents of a span, as bson.json_util reads them."""
    if list(folder.glob("*.bson.gz")):
        return [
            d for f in sorted(folder.glob("*.gz")) for d in bson.decode_all(gzip.decompress(f.read_bytes()))
        ]
    texts = (gzip.decompress(file.read_bytes()).decode() for file in sorted(folder.glob("*.gz")))
    return [json_util.loads(line) for text in texts for line in text.splitlines()]


def ids(documents: Any) -> list[str]:
    return sorted(json_util.dumps(document["_id"]) for document in documents)


def texts(documents: Any) -> list[str]:
    canonical = json_util.CANONICAL_JSON_OPTIONS
    return sorted(json_util.dumps(document, json_options=canonical) for document in documents)


@pytest.mark.parametrize("format", ["relaxed", "canonical", "bson"])
def test_every_document_once(ferret: Any, filled: Any, tmp_path: Path, format: Any) -> None:
    done = export(settings(filled, tmp_path, format=format), ferret.uri)
    assert done.folder == tmp_path / "1"
    assert ids(exported(done.folder)) == ids(filled.find())
    assert texts(exported(done.folder)) == texts(filled.find())
    assert verify(done.folder) == 600
    kinds = {entry["id_kind"] for entry in done.manifest["files"]}
    assert kinds == {"number", "string", "objectId", "object"}
    assert "Not a point in time" in done.manifest["consistency"]["statement"]
    assert [p.name for p in tmp_path.iterdir()] == ["1"]


@pytest.mark.parametrize("format", ["relaxed", "canonical", "bson"])
def test_mongo_example_gen_reads_it(ferret: Any, filled: Any, tmp_path: Path, format: Any) -> None:
    export(settings(filled, tmp_path, format=format), ferret.uri)
    read = list(sample_documents("{SPAN}", tmp_path, limit=1000))
    assert ids(read) == ids(filled.find())
    assert {document["big"] - 2**53 for document in read} == set(range(600))


def command(ferret: Any, collection: Any, folder: Path, *more: str) -> subprocess.Popen[str]:
    where = [collection.database.name, collection.name, "--to", str(folder)]
    return subprocess.Popen(
        [sys.executable, "-m", "pipeline.cli.main", "export", *where, "--shard-documents", "60", *more],
        env={**os.environ, "PENSTOCK_MONGODB_URI": ferret.uri},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_for(condition: Any, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.05)


def noted(folder: Path) -> int:
    """Documents that checkpoints count."""
    found = folder.glob(".*.partial/.range-*.json")
    return sum(json.loads(path.read_text(encoding="utf-8"))["documents"] for path in found)


@pytest.mark.parametrize(
    ("option", "value", "shown"),
    [
        (
            "--filter",
            '{"n": {"$foo": 1}}',
            "--filter; expected a filter that the server understands; seen: .*foo",
        ),
        ("--filter", '{"$nor": 3}', "--filter; "),
        ("--filter", '{"n": {"$regex": "("}}', "--filter; "),
        ("--filter", '{"n": {"$in": 3}}', "--filter; "),
        ("--fields", "$n", "--fields; expected fields that the server understands"),
    ],
    ids=["operator", "nor", "regex", "in", "fields"],
)
def test_a_wrong_query_is_refused_before_anything_is_written(
    ferret: Any, filled: Any, tmp_path: Path, option: str, value: str, shown: str
) -> None:
    running = command(ferret, filled, tmp_path / "new" / "out", option, value)
    out, _ = running.communicate(timeout=120)
    assert running.returncode == 2, out
    assert re.search(shown, out)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("database", "collection"), [("a b", "c"), ("a", "c$d"), ("a", "c..d"), ("a", ".c")])
def test_names_that_no_server_has_are_refused(
    ferret: Any, tmp_path: Path, database: str, collection: str
) -> None:
    with pytest.raises(SpecError, match="database and collection"):
        export(ExportSettings(database, collection, tmp_path / "out"), ferret.uri)
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_filter_does_not_touch_finished_spans(ferret: Any, filled: Any, tmp_path: Path) -> None:
    export(settings(filled, tmp_path), ferret.uri)
    with pytest.raises(SpecError, match="--filter"):
        export(settings(filled, tmp_path, filter={"n": {"$foo": 1}}), ferret.uri)
    assert [path.name for path in tmp_path.iterdir()] == ["1"]


def test_an_export_that_never_began_leaves_nothing(ferret: Any, filled: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="incremental by nowhere"):
        export(settings(filled, tmp_path / "out", incremental="nowhere"), ferret.uri)
    with pytest.raises(StorageError, match="a server that answers"):
        export(settings(filled, tmp_path / "out"), "mongodb://127.0.0.1:9/?serverSelectionTimeoutMS=100")
    assert list(tmp_path.iterdir()) == []


def test_killed_and_run_again(ferret: Any, filled: Any, tmp_path: Path) -> None:
    running = command(ferret, filled, tmp_path, "--documents-per-second", "150")
    wait_for(lambda: noted(tmp_path) >= 60)
    running.send_signal(signal.SIGKILL)
    running.communicate()
    there = noted(tmp_path)
    assert 0 < there < 600
    for shard in tmp_path.glob(
        ".*.partial/data-*.gz"
    ):  # a member that was being written when the process died
        shard.write_bytes(shard.read_bytes() + b"\x1f\x8b half a member")
    again = command(ferret, filled, tmp_path)
    out, _ = again.communicate(timeout=120)
    assert again.returncode == 0, out
    assert f"{there} documents already exported" in out
    assert ids(exported(tmp_path / "1")) == ids(filled.find())
    assert verify(tmp_path / "1") == 600


def test_the_server_goes_away(ferret_binary: Path, ferret: Any, filled: Any, tmp_path: Path) -> None:
    own = type(ferret)(ferret_binary, tmp_path / "db")
    own.start()
    from pymongo import MongoClient

    collection = MongoClient(own.uri).app.people
    documents = list(filled.find())
    collection.insert_many(documents)
    folder = tmp_path / "out"
    killer = threading.Thread(target=lambda: (wait_for(lambda: noted(folder) >= 60), own.kill()))
    killer.start()
    with pytest.raises(StorageError, match=r"MongoDB; expected a server that answers.*run the same command"):
        export(settings(collection, folder, documents_per_second=200), own.uri)
    killer.join()
    assert not (folder / "1").exists()
    assert 0 < noted(folder) < 600
    own.start()
    export(settings(collection, folder), own.uri)
    own.kill()
    assert ids(exported(folder / "1")) == ids(documents)


def test_the_rate_is_kept(ferret: Any, filled: Any, tmp_path: Path) -> None:
    done = export(settings(filled, tmp_path, documents_per_second=300), ferret.uri)
    assert done.manifest["seconds"] >= 600 / 300 * 0.9
    small = settings(filled, tmp_path, bytes_per_second=60_000)
    total = sum(len(bson.encode(document)) for document in filled.find())
    assert export(small, ferret.uri).manifest["seconds"] >= total / 60_000 * 0.9


def test_only_what_changed(ferret: Any, filled: Any, tmp_path: Path) -> None:
    asked = settings(filled, tmp_path, incremental="updatedAt", settle_seconds=0)
    filled.insert_one({"_id": "without a date", "n": -1})
    assert export(asked, ferret.uri).manifest["documents"] == 601
    assert export(asked, ferret.uri).folder is None
    now = datetime.datetime.now(datetime.UTC)
    filled.update_one({"n": 7}, {"$set": {"updatedAt": now, "name": "other"}})
    filled.insert_one({"_id": "new", "n": 601, "updatedAt": now})
    wait_for(lambda: datetime.datetime.now(datetime.UTC) > now + datetime.timedelta(seconds=1))
    second = export(asked, ferret.uri)
    assert second.folder == tmp_path / "2"
    assert {document["n"] for document in exported(second.folder)} == {7, 601}
    assert export(asked, ferret.uri).folder is None


def test_only_what_came(ferret: Any, filled: Any, tmp_path: Path) -> None:
    asked = settings(filled, tmp_path, incremental="_id", settle_seconds=0)
    with pytest.raises(DataError, match="ids that increase with time"):
        export(asked, ferret.uri)
    filled.delete_many({})
    filled.insert_many([{"_id": ObjectId(), "n": n} for n in range(50)])
    wait_for(lambda: time.time() > filled.find_one(sort=[("_id", -1)])["_id"].generation_time.timestamp() + 2)
    assert export(asked, ferret.uri).manifest["documents"] == 50
    filled.insert_many([{"_id": ObjectId(), "n": n} for n in range(50, 60)])
    wait_for(lambda: time.time() > filled.find_one(sort=[("_id", -1)])["_id"].generation_time.timestamp() + 2)
    second = export(asked, ferret.uri)
    assert second.folder is not None
    assert {document["n"] for document in exported(second.folder)} == set(range(50, 60))


def test_filter_and_fields(ferret: Any, filled: Any, tmp_path: Path) -> None:
    asked = settings(
        filled, tmp_path, filter={"profile.country": "PT"}, projection=("n", "profile.country"), span=7
    )
    done = export(asked, ferret.uri)
    assert done.folder == tmp_path / "7"
    documents = exported(done.folder)
    assert len(documents) == 300
    assert set(documents[0]) == {"_id", "n", "profile"}
    assert "PT" not in (done.folder / "manifest.json").read_text(encoding="utf-8")
    assert read_manifest(done.folder)["export"]["projection"] == ["n", "profile.country"]


def test_a_collection_that_is_not_there(ferret: Any, filled: Any, tmp_path: Path) -> None:
    asked = ExportSettings("app", "poeple", tmp_path)
    with pytest.raises(DataError, match=r"collection app\.poeple; expected documents; seen: none"):
        export(asked, ferret.uri)
    assert list(tmp_path.iterdir()) == []

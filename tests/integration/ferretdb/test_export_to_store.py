"""``penstock export`` into S3: a real server at one end, the moto server at the other."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("moto.server", reason="the development extra brings moto")

from components.exports.readers import sample_documents
from foundation import storage_remote
from foundation.errors import StorageError
from foundation.storage import RemotePath
from pipeline.export import ExportSettings, export
from pipeline.export.settings import target_of

pytestmark = pytest.mark.integration


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty place of a store that the environment names."""
    import boto3
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    url = f"http://127.0.0.1:{server.get_host_and_port()[1]}"
    known = {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "id",
        "AWS_SECRET_ACCESS_KEY": "key",
        "AWS_REGION": "us-east-1",
    }
    for name, value in known.items():
        monkeypatch.setenv(name, value)
    boto3.client("s3", region_name="us-east-1").create_bucket(Bucket="exports")
    yield f"s3://exports/{request.node.name}"
    server.stop()


def asked(collection: Any, bucket: str, work: Path) -> ExportSettings:
    folder, remote = target_of(bucket, work)
    small: dict[str, Any] = {"incremental": "updatedAt", "settle_seconds": 0, "shard_documents": 100}
    return ExportSettings(collection.database.name, collection.name, folder, remote=remote, **small)


def test_spans_in_a_store(ferret: Any, filled: Any, bucket: str, tmp_path: Path) -> None:
    done = export(asked(filled, bucket, tmp_path), ferret.uri)
    assert str(done.folder) == f"{bucket}/1"
    names = [path.name for path in storage_remote.list_objects(RemotePath(f"{bucket}/1"), recursive=True)]
    assert set(names) == {"manifest.json", *(entry["name"] for entry in done.manifest["files"])}
    read = sample_documents(f"{bucket}/{{SPAN}}/*.jsonl.gz", tmp_path, limit=1000)
    assert {document["n"] for document in read} == set(range(600))
    assert export(asked(filled, bucket, tmp_path), ferret.uri).folder is None
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_store_that_refuses(
    ferret: Any, filled: Any, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from foundation import storage_upload

    real = storage_upload.upload

    def failing(local: Path, target: RemotePath) -> None:
        if local.name == "manifest.json":
            raise StorageError("the store", seen="no answer")
        real(local, target)

    monkeypatch.setattr(storage_upload, "upload", failing)
    with pytest.raises(StorageError, match="no answer"):
        export(asked(filled, bucket, tmp_path), ferret.uri)
    monkeypatch.setattr(storage_upload, "upload", real)
    done = export(asked(filled, bucket, tmp_path), ferret.uri)
    assert (str(done.folder), done.manifest["documents"]) == (f"{bucket}/1", 600)

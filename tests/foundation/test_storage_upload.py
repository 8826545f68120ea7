"""Files on their way into a store: whole, unchanged, and a clear error where it does not take them."""

from __future__ import annotations

import gzip
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("moto.server", reason="the development extra brings moto")

from foundation import storage_remote
from foundation.errors import StorageError
from foundation.outside import left, lost
from foundation.storage import RemotePath
from foundation.storage_upload import published, upload


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[RemotePath]:
    import boto3
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.get_host_and_port()[1]}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "very-secret")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setattr(storage_remote, "FIRST_PAUSE", 0.01)
    boto3.client("s3", region_name="us-east-1").create_bucket(Bucket="uploads")
    yield RemotePath("s3://uploads/a")
    server.stop()


@pytest.mark.parametrize(
    "content",
    [b"x", gzip.compress(b"packed once"), bytes(9 * 2**20)],
    ids=["tiny", "packed", "in parts"],
)
def test_a_file_arrives_as_it_is(bucket: RemotePath, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "f.jsonl.gz").write_bytes(content)
    upload(tmp_path / "f.jsonl.gz", bucket / "f.jsonl.gz")
    assert (bucket / "f.jsonl.gz").read_bytes() == content


def test_no_such_bucket(bucket: RemotePath, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x")
    with pytest.raises(StorageError, match="s3://elsewhere/f") as caught:
        upload(tmp_path / "f", RemotePath("s3://elsewhere/f"))
    assert "very-secret" not in str(caught.value)


def test_no_such_file(bucket: RemotePath, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="No such file"):
        upload(tmp_path / "none", bucket / "none")


def test_a_published_object_appears_when_it_is_whole(bucket: RemotePath) -> None:
    with published(bucket / "f.jsonl") as temporary:
        temporary.write_text("one")
        assert not (bucket / "f.jsonl").is_file()
    assert (bucket / "f.jsonl").read_bytes() == b"one"


def test_what_fails_publishes_nothing(bucket: RemotePath, tmp_path: Path) -> None:
    for target in (bucket / "f", tmp_path / "f"):
        with pytest.raises(ZeroDivisionError), published(target) as temporary:
            temporary.write_text("half")
            raise ZeroDivisionError
        assert not target.is_file()


def test_what_was_left_in_a_store_is_looked_at(bucket: RemotePath) -> None:
    import boto3

    target = bucket / "f.jsonl"
    with published(target) as temporary:
        temporary.write_text("one")
    recorded = left([target])
    assert lost(recorded) == ""
    with published(target) as temporary:
        temporary.write_text("two")
    assert lost(recorded) == f"{target} was changed"
    boto3.client("s3").delete_object(Bucket="uploads", Key="a/f.jsonl")
    assert lost(recorded) == f"{target} is gone"

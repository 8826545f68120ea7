"""Exports under s3:// and gs://: found, fingerprinted and read, even if the store fails."""

from __future__ import annotations

import gzip
import importlib.util
import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import bson
import pytest

pytest.importorskip("moto.server", reason="the development extra brings moto")

from components.exports.blocks import plan_items, read_part, recognise_all
from components.exports.diverted import find_diverted
from components.exports.source import ResolvedInput, resolve, verify_unchanged
from foundation import storage_remote
from foundation.errors import DataError, StorageError
from foundation.storage import RemotePath, locate

BUCKET = "exports"
LINE = b'{"_id":1,"x":"%s"}\n' % (b"y" * 40)
Put = Callable[[str, bytes], None]


def _load_stores() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "penstock_test_stores", Path(__file__).with_name("stores.py")
    )
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


stores = _load_stores()


@pytest.fixture(scope="module")
def s3_port() -> Iterator[int]:
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield server.get_host_and_port()[1]
    server.stop()


@pytest.fixture
def put(s3_port: int, monkeypatch: pytest.MonkeyPatch) -> Put:
    """Writes objects into an empty bucket of a store that the environment names."""
    import boto3

    for name, value in {
        "AWS_ACCESS_KEY_ID": "AKIATESTTESTTEST",
        "AWS_SECRET_ACCESS_KEY": "very-secret",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{s3_port}",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(storage_remote, "FIRST_PAUSE", 0.01)
    client = boto3.client("s3")
    client.create_bucket(Bucket=BUCKET)
    for found in client.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        client.delete_object(Bucket=BUCKET, Key=found["Key"])
    return lambda key, data: client.put_object(Bucket=BUCKET, Key=key, Body=data)


@pytest.fixture
def proxy(put: Put, s3_port: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with stores.faulty_proxy(s3_port) as made:
        monkeypatch.setenv("AWS_ENDPOINT_URL", made.url)
        yield made


def _documents(resolved: ResolvedInput, base: Path) -> list[bytes]:
    pairs = zip(resolved.absolute_paths(base), resolved.files, strict=True)
    items = plan_items(recognise_all([(path, file.path) for path, file in pairs], "auto"))
    return [
        raw for item in items for part in item.parts for block in read_part(part) for raw in block.documents
    ]


@pytest.mark.parametrize(
    ("pattern", "keys"),
    [
        ("a/1.jsonl", ["a/1.jsonl"]),
        ("a", ["a/1.jsonl", "a/2.jsonl"]),
        ("a/", ["a/1.jsonl", "a/2.jsonl"]),
        ("a/*.jsonl", ["a/1.jsonl", "a/2.jsonl"]),
        ("*/1.jsonl", ["a/1.jsonl"]),
        ("**/1.jsonl", ["a/1.jsonl", "a/deep/1.jsonl"]),
        ("a/[!1].jsonl", ["a/2.jsonl"]),
        ("s/{SPAN}", ["s/10/x"]),
        ("s/{SPAN}/*", ["s/10/x"]),
        ("d/{YYYY}-{MM}-{DD}/*", ["d/2024-01-03/x"]),
    ],
)
def test_patterns_match_alike_in_stores_and_folders(
    put: Put, tmp_path: Path, pattern: str, keys: list[str]
) -> None:
    for key in ("a/1.jsonl", "a/2.jsonl", "a/_SUCCESS", "a/x.metadata.json", "a/deep/1.jsonl"):
        put(key, LINE)
    for key in ("s/9/x", "s/10/x", "s/zz/x", "d/2024-01-02/x", "d/2024-01-03/x"):
        put(key, LINE)
    found = [file.path for file in resolve(f"s3://{BUCKET}/{pattern}", tmp_path).files]
    assert found == [f"s3://{BUCKET}/{key}" for key in keys]


@pytest.mark.parametrize(
    ("pattern", "keys"),
    [
        ("f/a[1].jsonl", ["f/a[1].jsonl"]),
        ("f/a[[]1].jsonl", ["f/a[1].jsonl"]),
        ("f/a[12].jsonl", ["f/a1.jsonl"]),
        ("f/a[!2].jsonl", ["f/a1.jsonl"]),
        ("g[1]", ["g[1]/x"]),
        ("g[1]/", ["g[1]/x"]),
        ("g[[]1]/*", ["g[1]/x"]),
        ("h/é #?%20.jsonl", ["h/é #?%20.jsonl"]),
    ],
)
@pytest.mark.parametrize("where", ["store", "folder"])
def test_odd_names_can_be_named(put: Put, tmp_path: Path, pattern: str, keys: list[str], where: str) -> None:
    for key in ("f/a[1].jsonl", "f/a1.jsonl", "g[1]/x", "h/é #?%20.jsonl"):
        put(key, LINE)
        (tmp_path / key).parent.mkdir(exist_ok=True)
        (tmp_path / key).write_bytes(LINE)
    root = f"s3://{BUCKET}/" if where == "store" else ""
    found = resolve(root + pattern, tmp_path)
    assert [file.path for file in found.files] == [root + key for key in keys]
    assert _documents(found, tmp_path) == [LINE.rstrip()]


@pytest.mark.parametrize(
    "pattern", ["e//b.jsonl", "e//*", "/lead.jsonl", "e/*", "e/**", "**", "m/a/../b", "m/./b"]
)
def test_a_key_with_an_empty_part_is_refused_by_its_name(put: Put, tmp_path: Path, pattern: str) -> None:
    for key in ("e/a.jsonl", "e//b.jsonl", "/lead.jsonl"):
        put(key, LINE)
    with pytest.raises(StorageError, match=r"^address s3://exports/.*copy it to another key"):
        resolve(f"s3://{BUCKET}/{pattern}", tmp_path)
    assert [file.path for file in resolve(f"s3://{BUCKET}/e", tmp_path).files] == [f"s3://{BUCKET}/e/a.jsonl"]


@pytest.mark.parametrize(
    ("then", "seen"),
    [
        pytest.param(LINE * 2, "114 bytes in place of", id="shorter than the place of reading"),
        pytest.param(LINE * 300_000, "bytes in place of", id="shorter, with a part of the range left"),
        pytest.param(None, "it is gone", id="gone"),
    ],
)
def test_an_object_that_changes_while_it_is_read_is_told_as_that(
    put: Put, then: bytes | None, seen: str
) -> None:
    import boto3

    put("e/a.jsonl", LINE * 500_000)
    path = RemotePath(f"s3://{BUCKET}/e/a.jsonl")
    with path.open() as file:
        assert file.read(len(LINE)) == LINE
        put("e/a.jsonl", then) if then else boto3.client("s3").delete_object(Bucket=BUCKET, Key="e/a.jsonl")
        with pytest.raises(StorageError, match=f"does not change while it is read; seen: .*{seen}") as raised:
            file.read()
    assert "credentials" not in str(raised.value) and "attempts" not in str(raised.value)


def test_an_object_that_is_replaced_is_told_after_a_lost_connection(put: Put, proxy: Any) -> None:
    put("e/a.jsonl", LINE * 500_000)
    with RemotePath(f"s3://{BUCKET}/e/a.jsonl").open() as file:
        file.read(len(LINE))
        put("e/a.jsonl", LINE.replace(b"y", b"z") * 500_000)
        proxy.faults = ["drop"]
        with pytest.raises(StorageError, match="another content of the same size"):
            file.read()


def test_size_time_and_checksum_make_the_fingerprint(put: Put, tmp_path: Path) -> None:
    put("e/a.jsonl", LINE)
    before = resolve(f"s3://{BUCKET}/e", tmp_path)
    assert before.files[0].size == len(LINE)
    assert before.files[0].checksum and before.files[0].mtime_ns
    assert resolve(f"s3://{BUCKET}/e", tmp_path) == ResolvedInput.from_json(before.to_json())
    verify_unchanged(before, tmp_path)
    put("e/a.jsonl", LINE.replace(b"y", b"z"))
    with pytest.raises(DataError, match="does not change during the run"):
        verify_unchanged(before, tmp_path)


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.bson", "a.jsonl.zst"])
def test_documents_are_read_whatever_the_format(put: Put, tmp_path: Path, name: str) -> None:
    import zstandard

    lines = [b'{"_id":%d}' % i for i in range(5000)]
    data = b"".join(line + b"\n" for line in lines)
    if name.endswith(".bson"):
        lines = [bson.encode({"_id": i}) for i in range(5000)]
        data = b"".join(lines)
    data = gzip.compress(data) if name.endswith(".gz") else data
    data = zstandard.compress(data) if name.endswith(".zst") else data
    put(f"f/{name}", data)
    assert _documents(resolve(f"s3://{BUCKET}/f/{name}", tmp_path), tmp_path) == lines


@pytest.mark.parametrize(
    "faults", [["503", "503"], ["slow", "slow"], ["drop", "drop"], ["refuse"], ["drop", "503"]]
)
def test_a_store_in_trouble_costs_time_and_no_documents(
    put: Put, proxy: Any, tmp_path: Path, faults: list[str]
) -> None:
    put("t/a.jsonl", LINE * 2000)
    resolved = resolve(f"s3://{BUCKET}/t", tmp_path)
    proxy.faults = list(faults)
    assert _documents(resolved, tmp_path) == [LINE.strip()] * 2000
    assert proxy.faults == []


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("503", "service unavailable"),
        ("slow", "slow down|service unavailable"),
        ("drop", "lost halfway"),
        ("refuse", "no answer"),
    ],
)
def test_a_store_that_stays_in_trouble_is_a_clear_error(
    put: Put, proxy: Any, tmp_path: Path, fault: str, message: str
) -> None:
    put("t/a.jsonl", LINE * 2000)
    resolved = resolve(f"s3://{BUCKET}/t", tmp_path)
    proxy.faults = [fault] * 1000
    with pytest.raises(
        StorageError, match=rf"(?i)({message}).*\({storage_remote.ATTEMPTS} attempts\).*run again"
    ):
        _documents(resolved, tmp_path)


def test_a_whole_object_is_read_in_large_ranges(put: Put, proxy: Any) -> None:
    put("t/a.json", b"x" * 300_000)
    assert RemotePath(f"s3://{BUCKET}/t/a.json").read_bytes() == b"x" * 300_000
    assert len(proxy.seen) <= 3, "not 8 KiB at a time"


def test_refused_access_fails_at_once_and_shows_no_credentials(put: Put, proxy: Any, tmp_path: Path) -> None:
    proxy.forever = "denied"
    with pytest.raises(StorageError, match="credentials in the environment") as caught:
        resolve(f"s3://{BUCKET}/t/*.jsonl", tmp_path)
    assert "secret" not in str(caught.value) and "AKIA" not in str(caught.value)
    assert len(proxy.seen) == 1


def test_missing_input_is_reported(put: Put, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="objects that match it; seen: none"):
        resolve(f"s3://{BUCKET}/nothing/*.jsonl", tmp_path)
    with pytest.raises(DataError, match="objects that match it; seen: none"):
        resolve("s3://another-bucket/*.jsonl", tmp_path)
    with pytest.raises(StorageError, match="no such object"):
        RemotePath(f"s3://{BUCKET}/nothing").open()


@pytest.mark.parametrize("address", ["s3://key:secret@bucket/a", "s3://", "http://host/a", "s3://b:80/a"])
def test_addresses_that_are_not_taken_are_not_repeated(address: str) -> None:
    with pytest.raises(StorageError) as caught:
        locate(address)
    assert "secret" not in str(caught.value) and "host" not in str(caught.value)


def test_objects_of_google_cloud_storage_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Listing only: the emulator does not answer Arrow's requests for ranges, and Google's own was not at hand."""
    server = pytest.importorskip("gcp_storage_emulator.server")
    # Its threads wait for the next request of an open connection; they must not keep the process from ending.
    monkeypatch.setattr(server.server.HTTPServer, "daemon_threads", True, raising=False)
    monkeypatch.setattr(server.server.HTTPServer, "block_on_close", False, raising=False)
    running = server.create_server("127.0.0.1", 0, in_memory=True, default_bucket=BUCKET)
    running._api.daemon = True
    running.start()
    host = f"127.0.0.1:{running._api._httpd.server_address[1]}"
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://{host}")
    from pyarrow import fs

    client = fs.GcsFileSystem(anonymous=True, endpoint_override=host, scheme="http")
    with client.open_output_stream(f"{BUCKET}/e/7/a.jsonl") as stream:
        stream.write(LINE)
    found = storage_remote.list_objects(RemotePath(f"gs://{BUCKET}/e"), recursive=True)
    assert [path.url for path in found] == [f"gs://{BUCKET}/e/7/a.jsonl"]


def test_diverted_documents_are_noticed_in_a_bucket(put: Put) -> None:
    put("users/2024/a.json", LINE)
    put("atlas-data-lake-65a/out-error-docs/1.json", LINE)
    found = find_diverted([locate(f"s3://{BUCKET}/users/2024/a.json")])
    folder = f"s3://{BUCKET}/atlas-data-lake-65a/out-error-docs"
    assert found == {"folders": [{"path": folder, "files": 1}], "not_looked_at": []}


def _ingest(tmp_path: Path) -> dict[str, Any]:
    import apache_beam as beam

    from components.exports.fields import FieldConfig
    from components.mongo_example_gen.config import DataConfig
    from components.mongo_example_gen.ingest import ingest
    from components.mongo_example_gen.plan import make_plan
    from components.mongo_example_gen.reading import Request

    config = DataConfig.model_validate({"mongo_export": f"s3://{BUCKET}/t", "label": "y"})
    plan = make_plan(config, {"x": FieldConfig()}, labelled=True)
    request = Request(config, plan, resolve(config.mongo_export, tmp_path), tmp_path, tmp_path / "out")
    return ingest(request, lambda: beam.Pipeline(argv=["--runner=FnApiRunner"]))


@pytest.mark.component
def test_an_ingestion_inside_beam_reads_a_store(put: Put, proxy: Any, tmp_path: Path) -> None:
    lines = b"".join(b'{"_id":%d,"x":%d,"y":%d}\n' % (i, i, i % 2) for i in range(500))
    put("t/a.jsonl.gz", gzip.compress(lines))
    proxy.faults = ["drop", "503", "slow"]
    report = _ingest(tmp_path)
    assert (report["documents"]["accepted"], proxy.faults) == (500, [])


@pytest.mark.component
def test_a_store_that_is_lost_leaves_nothing_half_written(put: Put, proxy: Any, tmp_path: Path) -> None:
    put("t/a.jsonl", b'{"_id":1,"x":1,"y":1}\n' * 500)
    proxy.faults = ["forwarded"] * 2 + ["drop"] * 1000
    with pytest.raises(StorageError, match="nothing was published"):
        _ingest(tmp_path)
    assert not list(tmp_path.rglob("*.gz")) and not list(tmp_path.rglob("ingestion.json"))


@pytest.mark.component
def test_beam_s_own_s3_reads_the_same_objects(put: Put, s3_port: int) -> None:
    from apache_beam.io.filesystems import FileSystems
    from apache_beam.options.pipeline_options import PipelineOptions

    put("beam/a.jsonl", LINE * 10)
    put("beam/b.jsonl", LINE * 10)
    options = {"endpoint_url": f"http://127.0.0.1:{s3_port}", "region_name": "us-east-1"}
    options |= {"access_key_id": "AKIATESTTESTTEST", "secret_access_key": "very-secret"}
    FileSystems.set_options(PipelineOptions([f"--s3_{name}={value}" for name, value in options.items()]))
    found = FileSystems.match([f"s3://{BUCKET}/beam/*.jsonl"])[0].metadata_list
    assert sorted(one.path for one in found) == [f"s3://{BUCKET}/beam/{name}.jsonl" for name in "ab"]
    with FileSystems.open(f"s3://{BUCKET}/beam/a.jsonl") as file:
        assert file.read() == LINE * 10

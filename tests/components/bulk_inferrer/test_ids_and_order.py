"""Documents of every kind of id through ingestion and prediction: each id as it was, in the order of the documents."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bson
import numpy as np
import pyarrow.parquet as pq
import pytest
from bson import Binary, Decimal128, Int64, MaxKey, MinKey, ObjectId, Timestamp, json_util
from bson.datetime_ms import DatetimeMS

from components.exports.fields import FieldConfig
from components.exports.source import resolve
from components.mongo_example_gen.config import DataConfig
from components.mongo_example_gen.plan import make_plan
from pipeline.document.models import RunConfig
from pipeline.engines.local import local_args

pytestmark = pytest.mark.component

KEY = "a key that is long enough for a hash"
IDS = [
    5, "5", Int64(5), 5.0, -0.0, Decimal128("5"), Decimal128("5.0"), ObjectId("6579c8a0f0f0f0f0f0f0f0f0"),
    "6579c8a0f0f0f0f0f0f0f0f0", Binary(b"ab", 0), Binary(b"ab", 5), Binary(bytes(16), 4), True, "true", None,
    "null", DatetimeMS(5), DatetimeMS(-(2**60)), Timestamp(5, 1), Timestamp(5, 2), MinKey(), MaxKey(),
    {"a": 5}, {"a": "5"}, {"a": {"b": [1, "1"]}}, {"a": 1, "b": 2}, {"a": "1,b:2"}, "", "é☃", "a\nb",
]  # fmt: skip
"""No two are the same id, though most share a text with another."""


@pytest.fixture
def predict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Ingests an export and predicts each document's own ``n``; returns the rows in the file's order."""
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions

    from components.bulk_inferrer import executor
    from components.mongo_example_gen.ingest import ingest
    from components.mongo_example_gen.reading import Request

    monkeypatch.setenv("PENSTOCK_PRIVACY_KEY", KEY)
    monkeypatch.setattr("components.signature.load", lambda path: Echo())

    def run(pattern: str, kind: str = "jsonl", workers: int = 1, **data: Any) -> Any:
        config = DataConfig.model_validate({"label": "y", **data})
        plan = make_plan(config, {"n": FieldConfig(type="int"), "odd": FieldConfig(type="int")}, False)
        output = tmp_path / "examples" / "1"
        options = PipelineOptions(local_args(RunConfig(workers=workers)))
        source = resolve(pattern, tmp_path)
        report = ingest(
            Request(config, plan, source, tmp_path, output), lambda: beam.Pipeline(options=options)
        )
        hashed = "_id" in config.privacy.rules
        one = executor.PredictShard("", str(tmp_path / "shards"), kind, hashed)
        shards = []
        for file in sorted((output / "Split-all").glob("*.gz")):
            one.process(str(file))
            shards.append(tmp_path / "shards" / f"{file.stem}.{kind}")
        target, found = tmp_path / "predictions", executor.found_in(shards)
        executor.join_shards(shards, target, kind, found.types, hashed)
        rows = pq.read_table(target).to_pylist() if kind == "parquet" else target.read_text().splitlines()
        return rows, report, found

    return run


class Echo:
    """A model that predicts each document's ``n``."""

    def predict(self, records: Any) -> dict[str, Any]:
        import tensorflow as tf

        spec = {"n": tf.io.FixedLenFeature([], tf.int64)}
        return {"n": tf.io.parse_example(records, spec)["n"].numpy()}


def in_bson(documents: list[dict[str, Any]]) -> bytes:
    return b"".join(map(bson.encode, documents))


def in_json(documents: list[dict[str, Any]]) -> bytes:
    options = json_util.CANONICAL_JSON_OPTIONS
    return b"".join(json_util.dumps(one, json_options=options).encode() + b"\n" for one in documents)


def loads(line: str) -> dict[str, Any]:
    from components.exports import extended_json

    return extended_json.loads(line)


def exact(value: Any) -> tuple[str, str]:
    return type(value).__name__, repr(value)


@pytest.mark.parametrize("encode", [in_bson, in_json], ids=["bson", "jsonl"])
def test_ids_of_every_type_come_back_as_they_were(predict: Any, tmp_path: Path, encode: Any) -> None:
    documents = [{"_id": one, "n": n} for n, one in enumerate(IDS)]
    (tmp_path / "new").write_bytes(encode(documents))
    rows, report, found = predict("new")
    assert [json.loads(row)["n"] for row in rows] == list(range(len(IDS)))
    assert [exact(loads(row)["_id"]) for row in rows] == [exact(one) for one in IDS]
    assert found.repeated == 0
    assert "without _id, predicted without a key" not in report["documents"]


def test_hashed_ids_show_nothing_and_stay_different(predict: Any, tmp_path: Path) -> None:
    (tmp_path / "new").write_bytes(in_bson([{"_id": one, "n": n} for n, one in enumerate(IDS)]))
    rows, _, found = predict("new", privacy={"rules": {"_id": "hash"}})
    keys = [(json.loads(row)["_id"], json.loads(row)["_id_type"]) for row in rows]
    assert len(set(keys)) == len(IDS)
    assert all(len(key) == 32 for key, _ in keys)
    assert found.repeated == 0
    for file in (tmp_path / "shards").iterdir():
        assert b"6579c8a0f0f0f0f0f0f0f0f0" not in file.read_bytes()
    for file in (tmp_path / "examples").rglob("*.gz"):
        assert b"6579c8a0f0f0f0f0f0f0f0f0" not in gzip.decompress(file.read_bytes())


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_documents_that_cannot_be_told_apart_are_counted(predict: Any, tmp_path: Path, kind: str) -> None:
    lines = [{"_id": "a", "n": 0}, {"n": 1}, {"_id": None, "n": 2}, {"_id": "a", "n": 3}, {"n": 4}]
    (tmp_path / "new.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    rows, report, found = predict("new.jsonl", kind)
    rows = [row if kind == "parquet" else json.loads(row) for row in rows]
    assert [row["n"] for row in rows] == [0, 1, 2, 3, 4]
    assert report["documents"]["without _id, predicted without a key"] == 2
    assert found.types == {"missing": 2, "null": 1, "string": 2}
    assert found.repeated == 2


def odd_documents(count: int) -> list[dict[str, Any]]:
    """Returns documents of which every third cannot be converted by columns."""
    return [{"_id": n if n % 2 else str(n), "n": n, "odd": "7" if n % 3 else n} for n in range(count)]


@pytest.mark.parametrize("workers", [1, 2], ids=["one process", "two processes"])
def test_the_order_holds_over_files_items_and_bundles(
    predict: Any, tmp_path: Path, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("components.exports.formats.base.ITEM_BYTES", 4096)
    monkeypatch.setattr("components.exports.blocks.ITEM_BYTES", 4096)
    monkeypatch.setattr("components.exports.formats.base.BLOCK_BYTES", 1024)
    documents = odd_documents(3000)
    folder = tmp_path / "new"
    folder.mkdir()
    lines = [json.dumps(one).encode() + b"\n" for one in documents]
    (folder / "1.jsonl").write_bytes(b"\n".join(lines[:1000]))  # with blank lines between
    (folder / "2.jsonl.gz").write_bytes(gzip.compress(b"".join(lines[1000:2000])))
    lines.insert(2500, b'{"_id": "broken\n')
    (folder / "3.jsonl").write_bytes(b"".join(lines[2000:]))
    rows, report, _ = predict("new", workers=workers, bad_documents={"fail_above": "1%"})
    assert report["documents"]["quarantined"] == 1
    assert len(list((tmp_path / "shards").glob("*.jsonl"))) > 3
    assert [json.loads(row)["n"] for row in rows] == list(range(3000))
    assert [json.loads(row)["_id"] for row in rows] == [one["_id"] for one in documents]


@pytest.mark.parametrize("form", ["bson", "parquet", "json array", "csv"])
def test_the_order_holds_in_every_format(predict: Any, tmp_path: Path, form: str) -> None:
    import pyarrow as pa

    documents = odd_documents(500)
    if form == "bson":
        (tmp_path / "new").write_bytes(in_bson(documents))
    elif form == "parquet":
        documents = [{**one, "_id": str(one["_id"]), "odd": str(one["odd"])} for one in documents]
        pq.write_table(pa.Table.from_pylist(documents), tmp_path / "new", row_group_size=50)
    elif form == "csv":
        documents = [{**one, "_id": str(one["_id"])} for one in documents]
        body = "".join(f"{one['_id']},{one['n']},{one['odd']}\n" for one in documents)
        (tmp_path / "new").write_text("_id,n,odd\n" + body)
    else:
        (tmp_path / "new").write_text(json.dumps(documents))
    rows, _, _ = predict("new")
    assert [json.loads(row)["_id"] for row in rows] == [one["_id"] for one in documents]
    assert [json.loads(row)["n"] for row in rows] == list(range(500))


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_a_store_gets_the_predictions_and_what_is_known_of_them(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import boto3
    from moto.server import ThreadedMotoServer

    from components.bulk_inferrer.executor import PredictShard, publish
    from components.bulk_inferrer.result import Predictions
    from foundation.storage import locate

    monkeypatch.setattr("components.signature.load", lambda path: Echo())
    monkeypatch.setattr(Echo, "predict", lambda self, records: {"n": np.zeros(len(records), np.int64)})
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    try:
        url = "http://{}:{}".format(*server.get_host_and_port())
        for name, value in (
            ("AWS_ENDPOINT_URL", url),
            ("AWS_ACCESS_KEY_ID", "a"),
            ("AWS_SECRET_ACCESS_KEY", "b"),
        ):
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        client = boto3.client("s3", endpoint_url=url)
        client.create_bucket(Bucket="predicted")
        shard = PredictShard("", str(tmp_path / "shards"), kind).predict_nothing()
        about = publish([shard], locate("s3://predicted/new"), kind, Predictions(True, run="r1"), False)
        body = client.get_object(Bucket="predicted", Key="new/predictions.json")["Body"].read()
        client.head_object(Bucket="predicted", Key=f"new/predictions.{kind}")
    finally:
        server.stop()
    assert json.loads(body)["run"] == "r1"
    assert about.destination == f"s3://predicted/new/predictions.{kind}"
    assert [one.path.rsplit("/", 1)[1] for one in about.left] == [f"predictions.{kind}", "predictions.json"]


def test_the_names_of_classes_are_found_beside_the_model(tmp_path: Path) -> None:
    from components.bulk_inferrer.provenance import classes

    assert classes(str(tmp_path)) == {}
    (tmp_path / "assets.extra").mkdir()
    (tmp_path / "assets.extra" / "classes.json").write_text('["no", "yes"]')
    assert classes(str(tmp_path)) == {"classes": ("no", "yes")}

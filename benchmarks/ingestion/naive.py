"""The pipeline that people write for a MongoDB export with TFX's own means: document by document."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import apache_beam as beam
import bson
import tensorflow as tf
from bson import ObjectId, json_util
from ingestion.data import FIELDS, LABEL
from tfx.components.example_gen.base_example_gen_executor import _PartitionFn
from tfx.components.example_gen.write_split import WriteSplit
from tfx.proto import example_gen_pb2

SHARES = (7, 1, 2)
SPLITS = ("train", "validation", "test")


def build(pipeline: Any, kind: str, export: Path, output: Path) -> None:
    """Adds the steps: read, parse, make a ``tf.train.Example``, TFX's partition by hash, TFX's WriteSplit."""
    if kind == "bson":
        documents = pipeline | "Name" >> beam.Create([str(export)]) | "Decode" >> beam.FlatMap(_decode)
    else:
        lines = pipeline | "Read" >> beam.io.ReadFromText(str(export))
        documents = lines | "Parse" >> beam.Map(lambda line: json_util.loads(line))
    splits = [
        example_gen_pb2.SplitConfig.Split(name=name, hash_buckets=share)
        for name, share in zip(SPLITS, SHARES, strict=True)
    ]
    config = example_gen_pb2.SplitConfig(splits=splits)
    buckets = [sum(SHARES[: i + 1]) for i in range(len(SHARES))]
    examples = documents | "ToExample" >> beam.Map(to_example)
    parts = examples | "Partition" >> beam.Partition(_PartitionFn, len(SPLITS), buckets, config)
    for name, part in zip(SPLITS, parts, strict=True):
        folder = str(output / f"Split-{name}")
        part | f"Write{name}" >> WriteSplit(folder, example_gen_pb2.FileFormat.FORMAT_TFRECORDS_GZIP, {})


def _decode(path: str) -> Any:
    with open(path, "rb") as file:
        yield from bson.decode_file_iter(file)


def to_example(document: dict[str, Any]) -> tf.train.Example:
    features = {"_id": _feature(document["_id"])}
    for path in [*FIELDS, LABEL]:
        value: Any = document
        for part in path.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        features[path.replace(".", "_")] = _feature(value)
    return tf.train.Example(features=tf.train.Features(feature=features))


def _feature(value: Any) -> tf.train.Feature:
    values = [_plain(item) for item in (value if isinstance(value, list) else [value]) if item is not None]
    if values and isinstance(values[0], float):
        return tf.train.Feature(float_list=tf.train.FloatList(value=values))
    if values and isinstance(values[0], int):
        return tf.train.Feature(int64_list=tf.train.Int64List(value=values))
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))


def _plain(value: Any) -> Any:
    if isinstance(value, ObjectId):
        return str(value).encode()
    if isinstance(value, datetime.datetime):
        return int(value.timestamp() * 1000)
    return value.encode() if isinstance(value, str) else value

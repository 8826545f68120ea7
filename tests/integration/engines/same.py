"""What two runs of one document left, compared: rows, statistics, transformed rows, metrics."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from foundation.tfrecord import read_gz

SPLITS = ("train", "validation", "test")


def output(root: Path, node: str, key: str) -> Path:
    """Returns the folder of a node's latest artifact under a key."""
    return max((root / "artifacts" / node / key).iterdir(), key=lambda folder: int(folder.name))


def rows(root: Path, split: str) -> Counter[bytes]:
    """Returns the ingested rows of a split, as a multiset; in which order a row's fields are written, each process chooses."""
    import tensorflow as tf

    folder = output(root, "MongoExampleGen", "examples") / f"Split-{split}"
    read = (tf.train.Example.FromString(row) for file in sorted(folder.iterdir()) for row in read_gz(file))
    return Counter(row.SerializeToString(deterministic=True) for row in read)


def statistics(root: Path, split: str) -> dict[str, Any]:
    """Returns a split's statistics as plain values, features by name."""
    from google.protobuf.json_format import MessageToDict
    from tensorflow_data_validation.utils import stats_util

    folder = output(root, "StatisticsGen", "statistics") / f"Split-{split}"
    (found,) = stats_util.load_stats_binary(str(folder / "FeatureStats.pb")).datasets
    values = MessageToDict(found)
    return {**values, "features": {one["path"]["step"][0]: one for one in values.pop("features")}}


def vocabularies(root: Path) -> dict[str, bytes]:
    """Returns the files of all vocabularies, by name."""
    folder = output(root, "Transform", "transform_graph") / "transform_fn" / "assets"
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


def transformed(graph: Path, examples: Path, split: str) -> dict[str, Any]:
    """Returns a split's rows as one run's graph transforms them: column → array.

    Args:
        graph: The transform graph.
        examples: The rows.
        split: Which of them.
    """
    import tensorflow as tf
    import tensorflow_transform as tft

    made = tft.TFTransformOutput(str(graph))
    records = [row for file in sorted((examples / f"Split-{split}").iterdir()) for row in read_gz(file)]
    raw = tf.io.parse_example(records, made.raw_feature_spec())
    found = made.transform_raw_features(raw)
    return {
        name: (tf.sparse.to_dense(value) if isinstance(value, tf.SparseTensor) else value).numpy()
        for name, value in found.items()
    }


def metrics(root: Path) -> Any:
    """Returns what the evaluation measured."""
    text = (output(root, "Evaluator", "evaluation") / "evaluation.json").read_text(encoding="utf-8")
    return json.loads(text)["slices"]


def differences(
    one: Any, other: Any, where: str = "", *, relative: float = 0.0, absolute: float = 0.0
) -> list[str]:
    """Returns the places where two values differ, floats by more than a share of them, or than a number."""

    def close(a: Any, b: Any) -> bool:
        return bool(np.allclose(a, b, rtol=relative, atol=absolute, equal_nan=True))

    def inner(a: Any, b: Any, place: object) -> list[str]:
        return differences(a, b, f"{where}.{place}", relative=relative, absolute=absolute)

    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        return [found for key in one for found in inner(one[key], other[key], key)]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [
            found for index, pair in enumerate(zip(one, other, strict=True)) for found in inner(*pair, index)
        ]
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        floats = one.dtype.kind == "f" and one.shape == other.shape
        same = close(one, other) if floats else np.array_equal(one, other)
    else:
        same = close(one, other) if isinstance(one, float) and isinstance(other, float) else one == other
    return [] if same else [f"{where}: {str(one)[:80]} {str(other)[:80]}"]

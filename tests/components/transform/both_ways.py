"""Rows of every type and oddity, and one graph that transforms them together and one by one."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import apache_beam as beam
import hypothesis.strategies as st
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam

from components.trainer.transform_graph import TransformGraph
from components.transform.config import FeaturesConfig
from components.transform.executor import write_layout
from components.transform.preprocessing import preprocessing_fn
from pipeline.document.models import RunConfig
from pipeline.engines.local import local_args
from tests.components.transform import one_by_one

Row = dict[str, list[Any]]
"""Field → its values; a missing field and an empty array are both an empty list."""

OLD = "one_by_one_"
LABEL = "label"
TEXT, INT, FLOAT = tf.string, tf.int64, tf.float32
VARIABLE = {
    "country": TEXT, "device": TEXT, "bio": TEXT, "notes": TEXT, "topics": TEXT, "never": TEXT, "never_list": TEXT,
    "lessons": INT, "level": INT, "signup_at": INT, "seen_at": INT, "codes": INT, "never_int": INT,
    "minutes": FLOAT, "price": FLOAT, "marks": FLOAT, "never_float": FLOAT, LABEL: TEXT,
}  # fmt: skip
FIXED = {
    "plan": ([], TEXT), "age": ([], INT), "ratio": ([], FLOAT), "three": ([3], TEXT), "two": ([2], FLOAT), "one": ([1], INT),
}  # fmt: skip
ARRAYS = {"topics", "codes", "marks", "never_list", "notes"}
SENTINELS = {TEXT: b"", INT: np.iinfo(np.int64).min, FLOAT: np.nan}

FEATURES: dict[str, Any] = {
    "country": [{"vocabulary": {"top_k": 3, "oov_buckets": 2}}, {"hash": 7}, "missing", "count"],
    "device": [{"vocabulary": 100}, {"hash": 7}, {"cross": {"with": ["country"], "hash_buckets": 50}}],
    "bio": [{"text": 4}, "missing", {"bag": {"top_k": 2, "oov_buckets": 3}}],
    "notes": [{"text": {"top_k": 50, "oov_buckets": 5}}, "count"],
    "topics": [{"bag": {"top_k": 3, "oov_buckets": 1}}, "count", {"vocabulary": {"top_k": 2, "min_count": 3}}],
    "never": [{"vocabulary": 10}, {"hash": 3}, "missing"],
    "never_list": [{"bag": {"top_k": 1, "oov_buckets": 2}}, {"text": 2}, "count"],
    "lessons": ["zscore", "log_zscore", "identity", "missing", {"buckets": 3}, {"vocabulary": {"min_count": 5}}],
    "level": ["scale_0_1", {"hash": 11}, {"buckets": 3}, {"vocabulary": {"top_k": 2, "oov_buckets": 9}}],
    "signup_at": [{"date_parts": ["hour", "year", "day_of_week"]}, "zscore"],
    "seen_at": {"date_parts": ["month", "day"]},
    "codes": [{"bag": {"top_k": 4, "min_count": 2, "oov_buckets": 2}}, "count", "identity"],
    "never_int": ["zscore", {"date_parts": ["year"]}, "scale_0_1"],
    "minutes": ["scale_0_1", "identity", {"buckets": 10}, "missing"],
    "price": ["zscore", "log_zscore", {"buckets": 10}],
    "marks": ["identity", "count"],
    "never_float": ["identity", "log_zscore"],
    "plan": [{"vocabulary": 5}, {"cross": {"with": ["level", "age"], "hash_buckets": 9}}, "count", {"text": 3}],
    "age": ["zscore", "missing", {"cross": {"with": ["plan"], "hash_buckets": 50}}],
    "ratio": ["identity", "missing", "count"],
    "three": [{"bag": 4}, {"vocabulary": 4}, "count"],
    "two": ["zscore", "count"],
    "one": ["identity", {"hash": 2}],
}  # fmt: skip

_WORDS = [
    "a", "b", "B", "ä", "日本語", "a b", "Straße GROß", "0", "1", "-7", "0\x1fa", "a\x1fb", "\x1f", "\x1fno words", "a\nb",
    "a\rb", "a, b;a", "!!", "é" * 40,
]  # fmt: skip
texts = st.one_of(
    st.sampled_from(["", *_WORDS]).map(str.encode),
    st.sampled_from([b"\xff\xfe", b"\x00", b"a\x00"]),
    st.binary(max_size=4),
)
integers = st.one_of(st.sampled_from([-(2**63), 2**63 - 1, 0, 1, 2, 3, -1]), st.integers(-(10**13), 10**13))
floats = st.one_of(
    st.sampled_from([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e30, -3.4e38]), st.floats(width=32, allow_nan=True)
)
VALUES = {TEXT: texts, INT: integers, FLOAT: floats}


@st.composite
def rows(draw: st.DrawFn) -> list[Row]:
    """A batch of rows; the empty batch and empty rows among them."""
    return draw(st.lists(st.fixed_dictionaries(_fields()), max_size=6))


def _fields() -> dict[str, st.SearchStrategy[list[Any]]]:
    several = {n: st.lists(VALUES[dtype], max_size=4 if n in ARRAYS else 1) for n, dtype in VARIABLE.items()}
    fixed = {
        name: st.lists(VALUES[dtype], min_size=width, max_size=width)
        for name, (shape, dtype) in FIXED.items()
        for width in (shape or [1])
    }
    return {**several, **fixed}


def training_rows(count: int) -> list[Row]:
    """Returns rows to analyse; fields that are called never have no value, or only sentinels."""
    rng = random.Random(11)
    pools: dict[tf.DType, Any] = {
        TEXT: lambda: rng.choice([*_WORDS[: rng.randint(1, len(_WORDS))], ""]).encode(),
        INT: lambda: rng.choice([rng.randint(-3, 9), rng.randint(-(10**12), 4 * 10**12), -(2**63)]),
        FLOAT: lambda: float(
            np.float32(rng.choice([rng.gauss(0, 9), rng.expovariate(0.01), np.nan, np.inf, 0.0]))
        ),
    }

    def values(name: str, dtype: tf.DType, most: int, least: int = 0) -> list[Any]:
        if name.startswith("never"):
            return [SENTINELS[dtype]] * rng.randint(0, most)
        return [pools[dtype]() for _ in range(rng.randint(least, most))]

    return [
        {n: values(n, dtype, 4 if n in ARRAYS else 1) for n, dtype in VARIABLE.items()}
        | {n: values(n, dtype, *(shape or [1]) * 2) for n, (shape, dtype) in FIXED.items()}
        for _ in range(count)
    ]


def raw_spec(features: Iterable[str]) -> dict[str, Any]:
    """Returns how TFT reads the fields."""
    spec: dict[str, Any] = {n: tf.io.VarLenFeature(dtype) for n, dtype in VARIABLE.items() if n in features}
    return spec | {n: tf.io.FixedLenFeature(*FIXED[n]) for n in FIXED if n in features}


def analyse(
    features: Mapping[str, Any], folder: Path, train: list[Row], label: str = LABEL, task: str = "multiclass"
) -> TransformGraph:
    """Writes a graph that transforms declared features in both ways; those of the old one begin with ``OLD``."""
    declared = FeaturesConfig.model_validate(features)
    config = {"features": features, "label": label, "task": task, "positive": None}

    def both(inputs: Mapping[str, Any]) -> dict[str, tf.Tensor]:
        old = one_by_one.outputs_of(inputs, declared)
        return {**preprocessing_fn(inputs, config), **{OLD + name: tensor for name, tensor in old.items()}}

    spec = raw_spec(
        [*declared.declared, *(n for s in declared.declared.values() for o in s for n in o.others), label]
    )
    metadata = tft.DatasetMetadata.from_feature_spec(spec)
    instances = [{n: _instance(row[n], spec[n]) for n in spec} for row in train]
    with (
        beam.Pipeline(argv=local_args(RunConfig())) as pipeline,
        tft_beam.Context(temp_dir=str(folder / "temporary")),
    ):
        data = pipeline | beam.Create(instances, reshuffle=False)
        found = (data, metadata) | tft_beam.AnalyzeDataset(both)
        _ = found | tft_beam.WriteTransformFn(str(folder))
        _ = metadata | tft_beam.WriteMetadata(str(folder / tft.TFTransformOutput.RAW_METADATA_DIR), pipeline)
    write_layout(declared, label, str(folder))
    return TransformGraph(str(folder), label)


def transformed(graph: TransformGraph, raw: Mapping[str, Any]) -> dict[str, tf.Tensor]:
    """Returns the features by name as a trainer gets them, the label if it was given, and what the old way makes."""
    outputs = graph.output.transform_raw_features(dict(raw), drop_unused_features=False)
    return graph.apply(raw) | {name: outputs[name] for name in outputs if name.startswith(OLD)}


def _instance(values: list[Any], spec: Any) -> Any:
    return values[0] if isinstance(spec, tf.io.FixedLenFeature) and not spec.shape else values


def as_raw(graph: TransformGraph, batch: list[Row]) -> dict[str, Any]:
    """Returns rows as Transform's inputs: sparse, or dense of a fixed length."""
    return {name: _tensor([row[name] for row in batch], spec) for name, spec in graph.raw_spec.items()}


def _tensor(column: list[list[Any]], spec: Any) -> tf.Tensor | tf.SparseTensor:
    dtype = spec.dtype.as_numpy_dtype
    if isinstance(spec, tf.io.FixedLenFeature):
        return tf.constant(np.array(column, dtype).reshape(len(column), *spec.shape))
    indices = [(row, place) for row, values in enumerate(column) for place in range(len(values))]
    flat = np.array([value for values in column for value in values], dtype)
    shape = [len(column), max([len(values) for values in column], default=0)]
    return tf.SparseTensor(np.array(indices, np.int64).reshape(-1, 2), tf.constant(flat, spec.dtype), shape)


def as_served(graph: TransformGraph, batch: list[Row]) -> dict[str, tf.Tensor]:
    """Returns rows as a request gives them: dense, with sentinels for what is missing."""
    served = {}
    for name in graph.used():
        dtype, single = graph.raw_spec[name].dtype, name not in ARRAYS and not FIXED.get(name, ([],))[0]
        column = [row[name] or [SENTINELS[dtype]] for row in batch]
        width = max([len(values) for values in column], default=1)
        padded = [[*values, *[SENTINELS[dtype]] * (width - len(values))] for values in column]
        array = np.array(padded, dtype.as_numpy_dtype).reshape(len(batch), width)
        served[name] = tf.constant(array[:, 0] if single else array, dtype)
    return served

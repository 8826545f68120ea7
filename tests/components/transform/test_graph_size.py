"""How much of a graph one more feature costs: what traces, saves and loads it takes time for each operation."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.component

NODES_A_FIELD = 6
"""Placeholders of a sparse field (places, values, shape), and the copies of them that TFT hands to the function."""

KINDS: dict[str, tuple[str, Any]] = {
    "zscore": ("float", "zscore"),
    "scale": ("int", "scale_0_1"),
    "log": ("int", "log_zscore"),
    "count": ("text", "count"),
    "missing": ("text", "missing"),
    "identity": ("float", "identity"),
    "buckets": ("float", {"buckets": 10}),
    "vocabulary": ("text", {"vocabulary": {"oov_buckets": 3}}),
    "integers as words": ("int", {"vocabulary": 10}),
    "bag": ("text", {"bag": 10}),
    "text": ("text", {"text": 10}),
    "hash": ("text", {"hash": 20}),
    "cross": ("text", {"cross": {"with": ["aside"]}}),
    "date parts": ("int", {"date_parts": ["year", "month", "day", "day_of_week", "hour"]}),
}


def nodes(kind: str, fields: int, differ: bool) -> int:
    """Returns the operations of a graph with one transformation of each of several fields, in functions too."""
    import tensorflow as tf
    from tensorflow_transform import impl_helper

    from components.transform.preprocessing import preprocessing_fn

    type_name, how = KINDS[kind]
    dtype = {"float": tf.float32, "int": tf.int64, "text": tf.string}[type_name]
    names = [f"f{number:02}" for number in range(fields)]
    features = dict.fromkeys(names, how)
    if differ and kind == "hash":
        features = {name: {"hash": 10 + number} for number, name in enumerate(names)}
    specs = {name: tf.SparseTensorSpec([None, None], dtype) for name in names}
    specs |= {"aside": tf.SparseTensorSpec([None, None], tf.string), "y": tf.TensorSpec([None], tf.float32)}
    config = {"features": features, "label": "y", "task": "regression", "positive": None}
    graph, _, _ = impl_helper.trace_preprocessing_function(
        lambda inputs: preprocessing_fn(inputs, config), specs, use_tf_compat_v1=False
    )
    described = graph.as_graph_def()
    return len(described.node) + sum(len(function.node_def) for function in described.library.function)


@pytest.mark.parametrize("kind", KINDS)
def test_one_more_feature_costs_its_inputs_alone(kind: str) -> None:
    few, many = nodes(kind, 5, differ=True), nodes(kind, 25, differ=True)
    assert many - few == 20 * NODES_A_FIELD

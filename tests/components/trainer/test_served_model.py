"""The served model against Transform and Keras, row by row, with missing, null and ragged values."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.component

EDGES: list[dict[str, Any]] = [
    {},
    {"lessons": 12, "minutes": 3.5, "country": "de", "device": "ios", "topics": ["food", "art"], "level": 2},
    {"lessons": None, "minutes": None, "country": None, "topics": None, "bio": None, "signup_at": None},
    {"lessons": 0, "minutes": 0.0, "country": "never seen", "topics": [], "level": 99, "signup_at": 0},
    {
        "lessons": -5,
        "minutes": -1.0,
        "topics": ["food", "food", "never seen", "work", "love"],
        "signup_at": -1,
    },
    {
        "country": "fr",
        "bio": "ÉSPAÑOL love, CATS!  cats",
        "topics": ["rare"],
        "signup_at": 951782400000,
        "constant": 8,
    },
]


def encode(documents: list[dict[str, Any]], specs: dict[str, Any]) -> dict[str, np.ndarray]:
    """Returns the dense serving input, with sentinels for missing, null and padding."""
    columns = {}
    for name, spec in specs.items():
        sentinel: Any = {"string": "", "float32": math.nan, "int64": -(2**63)}[spec.dtype.name]
        rows = [document.get(name) for document in documents]
        if spec.shape.rank == 2:
            width = max([len(row or []) for row in rows] + [1])
            rows = [(row or []) + [sentinel] * (width - len(row or [])) for row in rows]
        else:
            rows = [sentinel if row is None else row for row in rows]
        columns[name] = np.array(
            rows, dtype=object if spec.dtype.name == "string" else spec.dtype.as_numpy_dtype
        )
    return columns


@pytest.fixture(scope="module")
def documents(learners: SimpleNamespace) -> list[dict[str, Any]]:
    return [*EDGES, *learners.documents["test"]]


@pytest.fixture(scope="module")
def examples(learners: SimpleNamespace, documents: list[dict[str, Any]]) -> list[bytes]:
    return [learners.serialize(document) for document in documents]


@pytest.fixture(scope="module")
def rebuilt(trained: SimpleNamespace) -> SimpleNamespace:
    """The Transform graph, and the Keras model with its saved weights."""
    from components.trainer import weights
    from components.trainer.models.build import build
    from components.trainer.transform_graph import TransformGraph

    graph = TransformGraph(trained.graph, "retained")
    model = build(trained.settings[0], graph.features, 1, {})
    assert weights.restore(model, graph.features, trained.model / "keras").used
    return SimpleNamespace(graph=graph, model=model)


@pytest.fixture(scope="module")
def expected(rebuilt: SimpleNamespace, examples: list[bytes]) -> np.ndarray:
    """Predictions of TFT's own transformation and the Keras model with its saved weights."""
    import tensorflow as tf

    graph, model = rebuilt.graph, rebuilt.model
    parsed = tf.io.parse_example(examples, {n: s for n, s in graph.raw_spec.items() if n in graph.used()})
    packed = graph.output.transform_raw_features(parsed, drop_unused_features=True)
    return model({name: packed[name] for name in graph.matrices.widths}).numpy()[:, 0]


def test_serving_default_equals_transform_and_keras(trained, documents, expected) -> None:
    import tensorflow as tf

    served = tf.saved_model.load(str(trained.model / "Format-Serving")).signatures["serving_default"]
    columns = encode(documents, served.structured_input_signature[1])
    given = served(**{name: tf.constant(column) for name, column in columns.items()})
    np.testing.assert_allclose(given["probability"], expected, atol=1e-6)


def test_serving_examples_equals_transform_and_keras(trained, examples, expected) -> None:
    import tensorflow as tf

    served = tf.saved_model.load(str(trained.model / "Format-Serving")).signatures["serving_examples"]
    np.testing.assert_allclose(served(examples=tf.constant(examples))["probability"], expected, atol=1e-6)


def test_both_signatures_work_in_a_v1_session(trained, documents, examples, expected) -> None:
    import tensorflow as tf

    with tf.compat.v1.Session(graph=tf.Graph()) as session:
        meta = tf.compat.v1.saved_model.load(session, ["serve"], str(trained.model / "Format-Serving"))
        by_features, by_examples = (
            meta.signature_def[name] for name in ("serving_default", "serving_examples")
        )
        specs = {n: tf.TensorSpec(i.tensor_shape, i.dtype) for n, i in by_features.inputs.items()}
        feeds = {by_features.inputs[name].name: column for name, column in encode(documents, specs).items()}
        first = session.run(by_features.outputs["probability"].name, feeds)
        feeds = {by_examples.inputs["examples"].name: examples}
        second = session.run(by_examples.outputs["probability"].name, feeds)
    np.testing.assert_allclose(first, expected, atol=1e-6)
    np.testing.assert_allclose(second, expected, atol=1e-6)


def test_columns_of_different_lengths_are_refused(trained, documents) -> None:
    import tensorflow as tf

    served = tf.saved_model.load(str(trained.model / "Format-Serving")).signatures["serving_default"]
    columns = encode(documents, served.structured_input_signature[1])
    columns["country"] = columns["country"][:-1]
    with pytest.raises(tf.errors.InvalidArgumentError):
        served(**{name: tf.constant(column) for name, column in columns.items()})


def test_an_array_with_too_few_rows_is_refused(trained, documents) -> None:
    import tensorflow as tf

    served = tf.saved_model.load(str(trained.model / "Format-Serving")).signatures["serving_default"]
    columns = encode(documents, served.structured_input_signature[1])
    columns["topics"] = columns["topics"][:-1]
    for _ in range(50):  # no other operation is ever the first to stumble
        with pytest.raises(tf.errors.InvalidArgumentError, match="different numbers of rows"):
            served(**{name: tf.constant(column) for name, column in columns.items()})


def test_both_signatures_give_the_same_bits(trained, documents, examples) -> None:
    import tensorflow as tf

    served = tf.saved_model.load(str(trained.model / "Format-Serving")).signatures
    columns = encode(documents, served["serving_default"].structured_input_signature[1])
    first = served["serving_default"](**{name: tf.constant(column) for name, column in columns.items()})
    second = served["serving_examples"](examples=tf.constant(examples))
    np.testing.assert_array_equal(first["probability"], second["probability"])


def test_the_model_is_traced_once_for_both_signatures(rebuilt, tmp_path: Path) -> None:
    from components.trainer.export import ServedModel, export

    traced: list[set[str]] = []

    def model(features: dict[str, Any], training: bool) -> Any:
        traced.append(set(features))
        return rebuilt.model(features, training=training)

    model.variables = rebuilt.model.variables  # type: ignore[attr-defined]
    export(ServedModel(rebuilt.graph, model, "binary", []), tmp_path / "model")  # type: ignore[arg-type]
    assert len(traced) == 1


def test_inputs_are_the_features_the_model_uses(trained) -> None:
    import tensorflow as tf

    served = tf.saved_model.load(str(trained.model / "Format-Serving")).signatures["serving_default"]
    inputs = served.structured_input_signature[1]
    assert not {"_id", "retained", "score", "language"} & set(inputs)
    assert {name for name, spec in inputs.items() if spec.shape.rank == 2} == {"topics"}


def test_padding_changes_nothing(trained) -> None:
    import tensorflow as tf

    served = tf.saved_model.load(str(trained.model / "Format-Serving")).signatures["serving_default"]
    columns = encode([{"topics": ["food"]}], served.structured_input_signature[1])
    once = served(**{n: tf.constant(c) for n, c in columns.items()})["probability"]
    columns["topics"] = np.array([["", "food", "", ""]], object)
    np.testing.assert_array_equal(
        once, served(**{n: tf.constant(c) for n, c in columns.items()})["probability"]
    )

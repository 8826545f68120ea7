"""Features may have any name that a document allows: the exported signature has it, for the right tensor."""

from __future__ import annotations

import keyword
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from components.trainer.input_names import arguments
from foundation.saved_model import DEFAULT_SIGNATURE

NAMES = [
    *keyword.kwlist, *keyword.softkwlist, "self", "cls", "args", "kwargs", "input_0", "input_1", "examples", "label", "name",
    "inputs", "training", "dtype", "Age", "age", "AGE", "_id2", "__init__", "arg__id2", "x" * 80, "signature_wrapper",
]  # fmt: skip


def test_every_feature_gets_an_argument_of_its_own() -> None:
    made = arguments(sorted(NAMES))
    assert list(made) == sorted(NAMES)
    assert len(set(made.values())) == len(made)
    assert all(name.isidentifier() and not keyword.iskeyword(name) for name in made.values())
    assert len({name.lower() for name in made.values()}) == len(made)
    assert (made["name"], made["examples"]) == ("name", "examples")


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that adds up its features, each times its place, behind a graph that passes them through."""
    import keras
    import tensorflow as tf
    from tensorflow_metadata.proto.v0 import schema_pb2

    from components.trainer.export import ServedModel, export
    from components.trainer.features import FeatureDescription
    from components.trainer.matrices import Matrices

    names = sorted(set(NAMES))
    schema = schema_pb2.Schema()
    for name in names:
        schema.feature.add(name=name).value_count.max = 1
    matrices = Matrices.of([FeatureDescription(name, "number", 1) for name in names])
    graph: Any = SimpleNamespace(
        raw_spec={name: tf.io.VarLenFeature(tf.float32) for name in names},
        resources=[],
        used=lambda: names,
        schema=lambda: schema,
        begin=lambda raw: matrices.pack({name: dense(tensor) for name, tensor in raw.items()}),
        finish=dict,
        parse=lambda text, with_label: tf.io.parse_example(
            text, {name: tf.io.VarLenFeature(tf.float32) for name in names}
        ),
    )

    def dense(given: Any) -> Any:
        return given if isinstance(given, tf.Tensor) else tf.sparse.to_dense(given)[:, 0]

    inputs = {name: keras.Input((), name=name) for name in names}
    total = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")
    model = keras.Model(inputs, total(keras.ops.stack([inputs[name] for name in names], axis=1)))
    total.set_weights([np.arange(len(names), dtype=np.float32)[:, np.newaxis]])
    folder = tmp_path_factory.mktemp("model") / "exported"
    export(ServedModel(graph, model, "regression", [], matrices.unpack), folder)
    return folder


@pytest.mark.component
def test_any_name_is_exported_and_each_input_is_the_feature_of_that_name(exported: Path) -> None:
    import tensorflow as tf

    from serving.client.signatures import read_signatures

    names = sorted(set(NAMES))
    assert sorted(read_signatures(exported)[DEFAULT_SIGNATURE].inputs) == names
    with tf.compat.v1.Session(graph=tf.Graph()) as session:
        meta = tf.compat.v1.saved_model.load(session, ["serve"], str(exported))
        signature = meta.signature_def[DEFAULT_SIGNATURE]
        rows = {signature.inputs[name].name: np.eye(len(names))[place] for place, name in enumerate(names)}
        given = session.run(signature.outputs["prediction"].name, rows)
    np.testing.assert_allclose(given, np.arange(len(names)))


@pytest.mark.component
def test_the_loaded_function_can_be_called_by_the_names(exported: Path) -> None:
    import tensorflow as tf

    names = sorted(set(NAMES))
    served = tf.saved_model.load(str(exported)).signatures[DEFAULT_SIGNATURE]
    own = arguments(names)
    rows = {own[name]: tf.constant(np.eye(len(names), dtype=np.float32)[p]) for p, name in enumerate(names)}
    np.testing.assert_allclose(served(**rows)["prediction"], np.arange(len(names)))

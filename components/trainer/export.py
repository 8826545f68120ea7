"""The served model: raw features or serialized tf.Examples in, predictions out, Transform's graph inside.

A plain ``tf.Module`` with raw variables and lookup tables: it loads in a v1 session, as in TF Serving and TFX's bulk
inference, and saving it traces only two functions and nothing inside Keras.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from components.trainer.config import Task
from components.trainer.data import View
from components.trainer.input_names import arguments, rename_inputs
from components.trainer.transform_graph import RawTensors, TransformGraph
from foundation.publish import write_text
from foundation.saved_model import CLASSES_FILE, DEFAULT_SIGNATURE, EXAMPLES_SIGNATURE, python_ops

Tensors = dict[str, tf.Tensor]
Predictions = Tensors


class ServedModel(tf.Module):
    """Transform and the Keras model combined.

    Args:
        graph: The Transform graph.
        model: The trained model.
        task: The task, which determines the outputs.
        classes: Label value of each class of a multi-class task.
        own: What a person's own model takes of the matrices; None for a declared model.
    """

    def __init__(
        self,
        graph: TransformGraph,
        model: keras.Model,
        task: Task,
        classes: Sequence[str],
        own: View | None = None,
    ) -> None:
        super().__init__(name="penstock")
        view = own or dict
        self._graph_of, self._call = (lambda: graph), (lambda matrices: model(view(matrices), training=False))
        self._task = task
        self._classes = tf.constant(list(classes)) if task == "multiclass" else None
        self.class_names = lambda: list(classes) if task == "multiclass" else []
        # Traced and written once for both signatures; behind a lambda, as what is an attribute can be called once loaded.
        answer = tf.function(self._answers, autograph=False)
        self._answer = lambda begun: answer(begun)
        self.weights = [variable.value for variable in model.variables]
        self.transform_resources = graph.resources

    def predict(self, raw: RawTensors) -> Predictions:
        """Returns the predictions for raw tensors."""
        return self._answer(self._graph_of().begin(raw))

    def _answers(self, begun: Tensors) -> Predictions:
        output = self._call(self._graph_of().finish(begun))
        if self._task == "multiclass":
            return {"label": tf.gather(self._classes, tf.argmax(output, axis=1)), "probabilities": output}
        return {"probability" if self._task == "binary" else "prediction": tf.squeeze(output, axis=1)}

    def input_names(self) -> dict[str, str]:
        """Returns argument → feature for the inputs of ``serving_default``."""
        return {argument: name for name, argument in arguments(self._graph_of().used()).items()}

    def signatures(self) -> dict[str, Any]:
        """Returns name → concrete function of the two signatures; each input is an argument for a feature."""
        graph = self._graph_of()
        argument = arguments(graph.used())
        specs = {argument[name]: spec for name, spec in serving_specs(graph, argument).items()}

        def serve_features(**dense: tf.Tensor) -> Predictions:
            with after_lengths(dense):
                return self.predict({name: dense[argument[name]] for name in argument})

        def serve_examples(examples: tf.Tensor) -> Predictions:
            return self.predict(graph.parse(examples, with_label=False))

        text = tf.TensorSpec([None], tf.string, name="examples")
        return {
            DEFAULT_SIGNATURE: tf.function(serve_features, autograph=False).get_concrete_function(**specs),
            EXAMPLES_SIGNATURE: tf.function(serve_examples, autograph=False).get_concrete_function(text),
        }


def serving_specs(graph: TransformGraph, argument: Mapping[str, str]) -> dict[str, tf.TensorSpec]:
    """Returns the raw features of ``serving_default``: ``[batch]`` for a scalar, ``[batch, width]`` for an array.

    A feature is a scalar if the schema allows at most one value per document.

    Args:
        graph: The Transform graph.
        argument: Feature → name of its tensor.
    """
    schema = {feature.name: feature for feature in graph.schema().feature}
    return {
        name: tf.TensorSpec(
            [None] if is_scalar(schema[name]) else [None, None],
            graph.raw_spec[name].dtype,
            name=argument[name],
        )
        for name in graph.used()
    }


def is_scalar(feature: Any) -> bool:
    """Returns whether a feature has at most one value per document by the schema."""
    return feature.HasField("shape") or (feature.HasField("value_count") and feature.value_count.max == 1)


def after_lengths(dense: Mapping[str, tf.Tensor]) -> AbstractContextManager[None]:
    """Has what is computed in the block wait for a check that all tensors have the same number of rows.

    Without waiting, an operation that stumbles over the lengths may be the first to say so, in words that help nobody.
    """
    alike: dict[tuple[tf.DType, int], list[tf.Tensor]] = {}
    for tensor in dense.values():
        alike.setdefault((tensor.dtype, tensor.shape.rank), []).append(tensor)
    rows = tf.concat([tf.stack(tf.shape_n(some))[:, 0] for some in alike.values()], axis=0)
    check = tf.debugging.assert_equal(rows, rows[0], "the inputs have different numbers of rows")
    waiting: AbstractContextManager[None] = tf.control_dependencies([check])
    return waiting


def export(served: ServedModel, folder: Path) -> None:
    """Writes the SavedModel, with the label of each class next to its assets if the model is multi-class.

    Raises:
        ValueError: The model calls Python.
    """
    signatures = served.signatures()
    if python_ops(signatures[EXAMPLES_SIGNATURE].graph.as_graph_def()):
        raise ValueError("the model calls Python (tf.py_function), which no server can run")
    tf.saved_model.save(served, str(folder), signatures=signatures)
    rename_inputs(folder, DEFAULT_SIGNATURE, served.input_names())
    if served.class_names():
        write_text(folder / CLASSES_FILE, json.dumps(served.class_names()))

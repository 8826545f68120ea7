"""Both references as one SavedModel beside the served model, for Evaluator alone: Transform's graph, then plain operations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from components.trainer.config import Task
from components.trainer.matrices import BAGS, IDS, NUMBERS, Matrices
from components.trainer.references.fitting import Linear, References
from components.trainer.transform_graph import TransformGraph
from foundation.saved_model import CONSTANT, EXAMPLES_SIGNATURE, LINEAR

Tensors = dict[str, tf.Tensor]


class ReferenceModels(tf.Module):
    """Transform and both references; one output each, in the form of the served model's own.

    Args:
        graph: The Transform graph.
        references: The fitted references.
        task: The task, which determines the form of an output.
    """

    def __init__(self, graph: TransformGraph, references: References, task: Task) -> None:
        super().__init__(name="references")
        self._graph_of, self._task = (lambda: graph), task
        self._constant = tf.constant(references.constant, tf.float32)
        self._linear = LinearOps(references.linear) if references.linear else None
        self.transform_resources = graph.resources

    def predict(self, matrices: Tensors) -> Tensors:
        """Returns the outputs for transformed rows."""
        rows = tf.shape(next(iter(matrices.values())))[0]
        constant = tf.tile(self._constant[tf.newaxis], [rows, 1])
        outputs = {CONSTANT: constant if self._task == "multiclass" else constant[:, 0]}
        if self._linear:
            outputs[LINEAR] = _head(self._task, self._linear(matrices))
        return outputs

    def signature(self) -> Any:
        """Returns the concrete function of serialized Examples."""
        graph = self._graph_of()

        def serve_examples(examples: tf.Tensor) -> Tensors:
            return self.predict(graph.finish(graph.begin(graph.parse(examples, with_label=False))))

        text = tf.TensorSpec([None], tf.string, name="examples")
        return tf.function(serve_examples, autograph=False).get_concrete_function(text)


class LinearOps(tf.Module):
    """The linear reference as TensorFlow operations, in float64 as it was fitted.

    Args:
        linear: The fitted model.
    """

    def __init__(self, linear: Linear) -> None:
        super().__init__(name="linear")
        parts = np.split(linear.weights, np.cumsum(linear.design.widths)[:-1])
        self._weights = [tf.Variable(part, trainable=False, dtype=tf.float64) for part in parts]
        self._bias = tf.Variable(linear.bias, trainable=False, dtype=tf.float64)
        self._standard = [
            tf.Variable(value, trainable=False) for value in (linear.design.mean, linear.design.factor)
        ]
        self._design_of = lambda: linear.design

    def __call__(self, matrices: Tensors) -> tf.Tensor:
        """Returns ``[batch, outputs]`` logits or numbers."""
        numbers, ids, bags = self._weights
        total = tf.identity(self._bias)
        if NUMBERS in matrices:
            total += self._standardised(matrices[NUMBERS]) @ numbers
        if IDS in matrices:
            total += _looked_up(matrices[IDS], self._design_of().matrices, ids)
        if BAGS in matrices:
            total += tf.cast(matrices[BAGS], tf.float64) @ bags
        return total

    def _standardised(self, numbers: tf.Tensor) -> tf.Tensor:
        mean, factor = self._standard
        values = tf.cast(numbers, tf.float64)
        return tf.where(tf.math.is_finite(values), values - mean, 0.0) * factor


def _looked_up(ids: tf.Tensor, matrices: Matrices, weights: tf.Variable) -> tf.Tensor:
    known = (ids >= 0) & (ids < matrices.sizes)
    rows = tf.gather(weights, tf.where(known, ids, tf.zeros_like(ids)) + matrices.offsets)
    return tf.reduce_sum(tf.where(known[..., tf.newaxis], rows, tf.zeros_like(rows)), axis=1)


def _head(task: Task, scores: tf.Tensor) -> tf.Tensor:
    if task == "multiclass":
        return tf.cast(tf.nn.softmax(scores), tf.float32)
    one = scores[:, 0]
    return tf.cast(tf.sigmoid(one) if task == "binary" else one, tf.float32)


def export_references(graph: TransformGraph, references: References, task: Task, folder: Path) -> None:
    """Writes both references as one SavedModel."""
    models = ReferenceModels(graph, references, task)
    tf.saved_model.save(models, str(folder), signatures={EXAMPLES_SIGNATURE: models.signature()})

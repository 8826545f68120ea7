"""Builds a Keras model from the ``model`` slice: a built-in type with a head for the task, or the user's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from components.trainer.config import ModelConfigSlice
from components.trainer.features import FeatureDescription
from components.trainer.models import MODEL_TYPES
from components.trainer.models.own import build_own
from components.trainer.models.parts import make_inputs


def build(
    config: ModelConfigSlice,
    features: Sequence[FeatureDescription],
    classes: int,
    hyperparameters: dict[str, Any],
) -> keras.Model:
    """Builds the document's model.

    Args:
        config: The ``model`` slice.
        features: The model's inputs.
        classes: Number of classes of a multi-class label; 1 for other tasks.
        hyperparameters: The hyperparameters for a user's ``build_model``.

    Returns:
        A Keras model from a dict of inputs to ``[batch, 1]`` (probability or prediction) or ``[batch, classes]``.

    Raises:
        UserCodeError: The user's ``build_model`` fails or its model has the wrong shape.
    """
    if config.build_model:
        return build_own(config.build_model, features, classes, hyperparameters)
    inputs = make_inputs(features)
    logits = MODEL_TYPES[config.type].logits(config, features, inputs, classes)
    return keras.Model(inputs, _head(config.task, logits), name=config.type)


def _head(task: str, logits: Any) -> Any:
    activation = {"binary": "sigmoid", "multiclass": "softmax", "regression": "linear"}[task]
    return keras.layers.Activation(activation, name="prediction", dtype="float32")(logits)

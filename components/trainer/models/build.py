"""From the ``model`` slice to a Keras model: a built-in type with a head for the task, or a person's own."""

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
    """Builds the model that the document names.

    Args:
        config: The ``model`` slice.
        features: What the model is given.
        classes: How many classes a multi-class label has; 1 for other tasks.
        hyperparameters: What a person's ``build_model`` is handed.

    Returns:
        A Keras model from a dict of inputs to ``[batch, 1]`` (probability or prediction) or ``[batch, classes]``.

    Raises:
        UserCodeError: A person's ``build_model`` fails or gives a model of another shape.
    """
    if config.build_model:
        return build_own(config.build_model, features, classes, hyperparameters)
    inputs = make_inputs(features)
    logits = MODEL_TYPES[config.type].logits(config, features, inputs, classes)
    return keras.Model(inputs, _head(config.task, logits), name=config.type)


def _head(task: str, logits: Any) -> Any:
    activation = {"binary": "sigmoid", "multiclass": "softmax", "regression": "linear"}[task]
    return keras.layers.Activation(activation, name="prediction", dtype="float32")(logits)

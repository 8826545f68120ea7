"""Builds a Keras model from the ``model`` slice: a built-in type with a head for the task, or the user's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from components.trainer.config import ModelConfigSlice
from components.trainer.features import FeatureDescription
from components.trainer.matrices import Matrices
from components.trainer.models import MODEL_TYPES
from components.trainer.models.members import MeanOfMembers, MembersModel
from components.trainer.models.own import build_own
from components.trainer.models.parts import make_inputs
from components.trainer.models.scale import InLabelUnit, LabelScale


def build(
    config: ModelConfigSlice,
    features: Sequence[FeatureDescription],
    classes: int,
    hyperparameters: dict[str, Any],
    scale: LabelScale | None = None,
) -> keras.Model:
    """Builds the document's model.

    Args:
        config: The ``model`` slice.
        features: The model's inputs.
        classes: Number of classes of a multi-class label; 1 for other tasks.
        hyperparameters: The hyperparameters for a user's ``build_model``.
        scale: The scale of a regression's label, which a built-in model takes in; a user's own model does so itself.

    Returns:
        A Keras model from a dict of inputs (matrices; for a user's own model, features) to ``[batch, 1]`` (probability or prediction) or ``[batch, classes]``.

    Raises:
        UserCodeError: The user's ``build_model`` fails or its model has the wrong shape.
    """
    if config.build_model:
        return build_own(config.build_model, features, classes, hyperparameters)
    matrices = Matrices.of(features)
    inputs = make_inputs(matrices)
    logits = MODEL_TYPES[config.type].logits(config, matrices, inputs, classes)
    output = _head(config.task, logits, scale)
    if (config.members or 1) > 1 and len(output.shape) == 3:
        return MembersModel(inputs, MeanOfMembers(name="mean_of_members")(output), name=config.type)
    return keras.Model(inputs, output, name=config.type)


def _head(task: str, logits: Any, scale: LabelScale | None) -> Any:
    if scale is not None:
        return InLabelUnit(scale, name="prediction")(logits)
    activation = {"binary": "sigmoid", "multiclass": "softmax", "regression": "linear"}[task]
    return keras.layers.Activation(activation, name="prediction", dtype="float32")(logits)

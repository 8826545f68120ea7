"""Calls a user's ``build_model`` in place of a built-in type, and checks its model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from components.trainer.features import FeatureDescription
from components.trainer.models.parts import make_inputs
from foundation.errors import PenstockError, UserCodeError
from foundation.user_code import load_function


def build_own(
    reference: str, features: Sequence[FeatureDescription], classes: int, hyperparameters: dict[str, Any]
) -> keras.Model:
    """Calls a user's ``build_model(features, hyperparameters)`` and checks its result.

    Raises:
        UserCodeError: It fails, or its model has the wrong shape.
    """
    function = load_function(reference)
    try:
        model = function(list(features), dict(hyperparameters))
    except PenstockError:
        raise
    except Exception as error:
        raise UserCodeError(
            reference, expected="a build_model that runs", seen=f"{type(error).__name__}: {error}"
        ) from error
    if not isinstance(model, keras.Model):
        remedy = "build it with `import keras` (Keras 3), not `tf_keras`"
        raise UserCodeError(reference, expected="a Keras 3 model", seen=type(model).__module__, remedy=remedy)
    output = _output_of(reference, model, features)
    if output is None or tuple(output.shape) != (None, classes):
        seen = f"shape {tuple(output.shape)}" if output is not None else "several outputs"
        remedy = "end with a layer of one unit (probability or number) or one unit per class (probabilities)"
        raise UserCodeError(
            reference, expected=f"one output of shape [batch, {classes}]", seen=seen, remedy=remedy
        )
    return model


def _output_of(reference: str, model: keras.Model, features: Sequence[FeatureDescription]) -> Any:
    try:
        output = model(make_inputs(features))
    except Exception as error:
        seen = f"{type(error).__name__}: {error}"
        remedy = "take a dict of inputs with the names of the features"
        raise UserCodeError(
            reference, expected="a model that takes the features", seen=seen, remedy=remedy
        ) from error
    return None if isinstance(output, (dict, list, tuple)) else output

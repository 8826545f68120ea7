"""Calls a user's ``build_model`` in place of a built-in type, and checks its model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf

from components.trainer.features import FeatureDescription
from foundation.errors import UserCodeError
from foundation.own_fault import kind_of, own_code, place
from foundation.user_code import load_function

CONTRACT = "build_model(features, hyperparameters) that returns a Keras 3 model"
_NO_FAULT = (
    OSError,
    MemoryError,
    tf.errors.ResourceExhaustedError,
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
)
"""What is not the code's fault: a full disk, too little memory, another worker that is lost."""


def build_own(
    reference: str, features: Sequence[FeatureDescription], classes: int, hyperparameters: dict[str, Any]
) -> keras.Model:
    """Calls a user's ``build_model(features, hyperparameters)`` and checks its result.

    Raises:
        UserCodeError: It fails, or its model has the wrong shape.
    """
    function = load_function(reference)
    with own_code(reference, CONTRACT):
        model = function(list(features), dict(hyperparameters))
    if not isinstance(model, keras.Model):
        remedy = "return it" if model is None else "build it with `import keras` (Keras 3), not `tf_keras`"
        raise UserCodeError(place(reference), expected=CONTRACT, seen=kind_of(model), remedy=remedy)
    with own_code(reference, "a model that takes a dict of inputs with the names of the features"):
        output = model(_inputs(features))
    one = not isinstance(output, (dict, list, tuple))
    if not one or tuple(output.shape) != (None, classes):
        raise UserCodeError(
            place(reference),
            expected=f"one output of shape [batch, {classes}]",
            seen=f"shape {tuple(output.shape)}" if one else "several outputs",
            remedy="end with a layer of one unit (probability or number) or one unit per class (probabilities)",
        )
    return model


def _inputs(features: Sequence[FeatureDescription]) -> dict[str, Any]:
    """Returns name → Keras input for every feature."""
    return {
        f.name: keras.Input(
            (f.size,) if f.kind == "vector" else (),
            name=f.name,
            dtype="int64" if f.kind == "id" else "float32",
        )
        for f in features
    }


@contextmanager
def used(reference: str | None, expected: str) -> Iterator[None]:
    """Tells the faults of a user's own model while it is fitted or exported; does nothing for a built-in type.

    Raises:
        UserCodeError: The model fails.
    """
    if reference is None:
        yield
        return
    with own_code(reference, expected, passing=_NO_FAULT):
        yield

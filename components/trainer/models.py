"""The built-in models: linear, dense, wide-and-deep, with a head for each task.

All ids share one embedding table, each feature with rows of its own: one look-up a step in place of one a feature.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras

from components.trainer.config import ModelConfigSlice
from components.trainer.features import FeatureDescription
from foundation.errors import PenstockError, UserCodeError
from foundation.user_code import load_function

Tensors = dict[str, Any]

WIDE = "wide"
DEEP = "deep"


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
        return _own(config.build_model, features, classes, hyperparameters)
    inputs = make_inputs(features)
    logits = BUILDERS[config.type](config, features, inputs, classes)
    return keras.Model(inputs, _head(config.task, logits), name=config.type)


def make_inputs(features: Sequence[FeatureDescription]) -> Tensors:
    """Returns name → Keras input for every feature."""
    return {
        f.name: keras.Input(
            (f.size,) if f.kind == "vector" else (),
            name=f.name,
            dtype="int64" if f.kind == "id" else "float32",
        )
        for f in features
    }


def _linear(
    config: ModelConfigSlice, features: Sequence[FeatureDescription], inputs: Tensors, units: int
) -> Any:
    """One weight a number, an id and a word."""
    parts = []
    dense = _numbers(features, inputs)
    if dense is not None:
        parts.append(keras.layers.Dense(units, kernel_regularizer=_l2(config), name=f"{WIDE}_numbers")(dense))
    ids = _ids(features, inputs)
    if ids is not None:
        weights = _embedding(features, units, WIDE, config)(ids)
        parts.append(keras.ops.sum(weights, axis=1))
    parts += _bags(config, features, inputs, units, WIDE)
    return parts[0] if len(parts) == 1 else keras.layers.Add(name=f"{WIDE}_sum")(parts)


def _dense(
    config: ModelConfigSlice, features: Sequence[FeatureDescription], inputs: Tensors, units: int
) -> Any:
    """Numbers, embedded ids and projected bags through hidden layers."""
    parts = []
    numbers = _numbers(features, inputs)
    if numbers is not None:
        parts.append(numbers)
    ids = _ids(features, inputs)
    if ids is not None:
        parts.append(keras.layers.Flatten()(_embedding(features, config.embedding, DEEP, config)(ids)))
    parts += _bags(config, features, inputs, config.embedding, DEEP)
    hidden = parts[0] if len(parts) == 1 else keras.layers.Concatenate()(parts)
    for index, size in enumerate(config.hidden):
        layer = keras.layers.Dense(
            size, activation="relu", kernel_regularizer=_l2(config), name=f"hidden_{index}"
        )
        hidden = layer(hidden)
        if config.dropout:
            hidden = keras.layers.Dropout(config.dropout)(hidden)
    return keras.layers.Dense(units, name="logits")(hidden)


def _wide_and_deep(
    config: ModelConfigSlice, features: Sequence[FeatureDescription], inputs: Tensors, units: int
) -> Any:
    wide = _linear(config, features, inputs, units)
    deep = _dense(config, features, inputs, units)
    return keras.layers.Add(name="wide_and_deep_sum")([wide, deep])


BUILDERS: dict[str, Callable[[ModelConfigSlice, Sequence[FeatureDescription], Tensors, int], Any]] = {
    "linear": _linear,
    "dense": _dense,
    "wide_and_deep": _wide_and_deep,
}
"""Type of model → what builds its logits."""


def id_features(features: Sequence[FeatureDescription]) -> list[FeatureDescription]:
    """Returns the id features in the order of their rows in the embedding table."""
    return [f for f in features if f.kind == "id"]


def _numbers(features: Sequence[FeatureDescription], inputs: Tensors) -> Any:
    """Puts all numbers and plain vectors side by side; None when there are none."""
    scalars = [inputs[f.name] for f in features if f.kind == "number"]
    parts = [keras.ops.stack(scalars, axis=1)] if scalars else []
    parts += [inputs[f.name] for f in features if f.kind == "vector" and not f.vocabulary]
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else keras.layers.Concatenate()(parts)


def _ids(features: Sequence[FeatureDescription], inputs: Tensors) -> Any:
    """Puts all ids side by side, each moved to its feature's rows of the table; None when there are none."""
    chosen = id_features(features)
    if not chosen:
        return None
    offsets, rows = [], 0
    for feature in chosen:
        offsets.append(rows)
        rows += feature.size
    return keras.ops.stack([inputs[f.name] for f in chosen], axis=1) + keras.ops.array(
        [offsets], dtype="int64"
    )


def _embedding(
    features: Sequence[FeatureDescription], width: int, part: str, config: ModelConfigSlice
) -> keras.layers.Embedding:
    rows = sum(f.size for f in id_features(features))
    start = "zeros" if part == WIDE else "uniform"
    return keras.layers.Embedding(
        rows, width, embeddings_initializer=start, embeddings_regularizer=_l2(config), name=f"{part}_ids"
    )


def _bags(
    config: ModelConfigSlice, features: Sequence[FeatureDescription], inputs: Tensors, width: int, part: str
) -> list[Any]:
    return [
        keras.layers.Dense(width, use_bias=False, kernel_regularizer=_l2(config), name=f"{part}_{f.name}")(
            inputs[f.name]
        )
        for f in features
        if f.kind == "vector" and f.vocabulary
    ]


def _l2(config: ModelConfigSlice) -> Any:
    return keras.regularizers.L2(config.l2) if config.l2 else None


def _head(task: str, logits: Any) -> Any:
    activation = {"binary": "sigmoid", "multiclass": "softmax", "regression": "linear"}[task]
    return keras.layers.Activation(activation, name="prediction", dtype="float32")(logits)


def _own(
    reference: str, features: Sequence[FeatureDescription], classes: int, hyperparameters: dict[str, Any]
) -> keras.Model:
    """Calls a person's ``build_model(features, hyperparameters)`` and checks what it gives."""
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
        remedy = "end with a layer of one unit (probability or number) or one unit a class (probabilities)"
        raise UserCodeError(
            reference, expected=f"one output of shape [batch, {classes}]", seen=seen, remedy=remedy
        )
    return model


def _output_of(reference: str, model: keras.Model, features: Sequence[FeatureDescription]) -> Any:
    try:
        output = model(make_inputs(features))
    except Exception as error:
        seen = f"{type(error).__name__}: {error}"
        remedy = "take a dict of inputs named as the features are"
        raise UserCodeError(
            reference, expected="a model that takes the features", seen=seen, remedy=remedy
        ) from error
    return None if isinstance(output, (dict, list, tuple)) else output

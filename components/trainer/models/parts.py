"""Building blocks of built-in models: numbers, ids and bags, the first hidden layer over them, and the layers above.

All ids share one table in which each feature has its own rows: one look-up per step, not one per feature.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import keras

from components.trainer.features import FeatureDescription
from components.trainer.models.base import Tensors
from components.trainer.models.members import MemberDense

if TYPE_CHECKING:
    from components.trainer.config import ModelConfigSlice

WIDE = "wide"
DEEP = "deep"


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


def id_features(features: Sequence[FeatureDescription]) -> list[FeatureDescription]:
    """Returns the id features in the order of their rows in the embedding table."""
    return [f for f in features if f.kind == "id"]


def numbers(features: Sequence[FeatureDescription], inputs: Tensors) -> Any:
    """Returns all numbers and plain vectors concatenated; None if there are none."""
    scalars = [inputs[f.name] for f in features if f.kind == "number"]
    parts = [keras.ops.stack(scalars, axis=1)] if scalars else []
    parts += [inputs[f.name] for f in features if f.kind == "vector" and not f.vocabulary]
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else keras.layers.Concatenate()(parts)


def ids(features: Sequence[FeatureDescription], inputs: Tensors) -> Any:
    """Returns all ids concatenated, each shifted to its feature's rows of the table; None if there are none."""
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


def embedding(
    features: Sequence[FeatureDescription], width: int, part: str, config: ModelConfigSlice
) -> keras.layers.Embedding:
    """Returns the embedding table shared by all ids."""
    rows = sum(f.size for f in id_features(features))
    start = "zeros" if part == WIDE else "uniform"
    return keras.layers.Embedding(
        rows, width, embeddings_initializer=start, embeddings_regularizer=l2(config, part), name=f"{part}_ids"
    )


def bags(
    config: ModelConfigSlice, features: Sequence[FeatureDescription], inputs: Tensors, width: int, part: str
) -> list[Any]:
    """Returns a projection of each multi-hot vector."""
    return [
        keras.layers.Dense(
            width, use_bias=False, kernel_regularizer=l2(config, part), name=f"{part}_{f.name}"
        )(inputs[f.name])
        for f in features
        if f.kind == "vector" and f.vocabulary
    ]


def first_layer(
    config: ModelConfigSlice, features: Sequence[FeatureDescription], inputs: Tensors, units: int
) -> Any:
    """Returns the activations of the first hidden layer, ``[members, batch, units]`` if there are several members.

    Without ``embedding``, ids are one-hot: their table holds the layer's own weights, so that a category needs no more
    rows to be learnt than a number does.
    """
    width = units * (config.members or 1)
    parts = [side_by_side] if (side_by_side := numbers(features, inputs)) is not None else []
    one_hot = []
    rows = ids(features, inputs)
    if config.embedding:
        if rows is not None:
            parts.append(keras.layers.Flatten()(embedding(features, config.embedding, DEEP, config)(rows)))
        parts += bags(config, features, inputs, config.embedding, DEEP)
    else:
        if rows is not None:
            one_hot.append(keras.ops.sum(embedding(features, width, DEEP, config)(rows), axis=1))
        one_hot += bags(config, features, inputs, width, DEEP)
    if parts:
        dense = parts[0] if len(parts) == 1 else keras.layers.Concatenate()(parts)
        limit = (6.0 / (dense.shape[-1] + units)) ** 0.5  # Glorot's, by the widths of one member
        layer = keras.layers.Dense(
            width,
            kernel_initializer=keras.initializers.RandomUniform(-limit, limit),
            kernel_regularizer=l2(config),
            name="hidden_0",
        )
        one_hot.insert(0, layer(dense))
    total = one_hot[0] if len(one_hot) == 1 else keras.layers.Add(name="hidden_0_sum")(one_hot)
    if not (config.members or 1) > 1:
        return total
    return keras.ops.transpose(keras.ops.reshape(total, (-1, config.members, units)), (1, 0, 2))


def hidden_layer(config: ModelConfigSlice, units: int, name: str, activation: str | None = None) -> Any:
    """Returns a dense layer above the first, of one network or of all members."""
    if (config.members or 1) > 1:
        return MemberDense(units, activation, l2(config), name)
    penalty = None if activation is None else l2(config)
    return keras.layers.Dense(units, activation=activation, kernel_regularizer=penalty, name=name)


def l2(config: ModelConfigSlice, part: str = DEEP) -> Any:
    """Returns the kernel penalty, or None; that of members is their mean, as their loss is."""
    members = (config.members or 1) if part == DEEP else 1
    return keras.regularizers.L2(config.l2 / members) if config.l2 else None

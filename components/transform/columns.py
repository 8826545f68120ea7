"""Raw inputs one by one, for the label and for a user's own function: sentinels dropped, first value of each row.

Serving encodes missing, null and padding values as sentinels, because a dense tensor has no holes: ``""`` for strings,
NaN for floats, the smallest int64 for integers. Dropping sentinels is the first step of Transform, so training
examples (where such values are absent) and served requests give equal results by construction.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import tensorflow as tf

from foundation.errors import SpecError, near_miss

SENTINELS: dict[tf.DType, str | float | int] = {
    tf.string: "",
    tf.float32: float("nan"),
    tf.int64: tf.int64.min,
}
"""Type of a raw feature → its sentinel for missing, null and padding."""

RawTensor: TypeAlias = tf.Tensor | tf.SparseTensor | tf.RaggedTensor


def to_sparse(tensor: RawTensor) -> tf.SparseTensor:
    """Returns ``[batch]`` or ``[batch, width]`` as a sparse ``[batch, width]``, sentinels included."""
    if isinstance(tensor, tf.SparseTensor):
        return tensor
    if isinstance(tensor, tf.RaggedTensor):
        return tensor.to_sparse()
    dense = tensor[:, tf.newaxis] if tensor.shape.rank == 1 else tensor
    everywhere = tf.where(tf.ones_like(dense, tf.bool))
    return tf.SparseTensor(everywhere, tf.reshape(dense, [-1]), tf.shape(dense, tf.int64))


def is_present(values: tf.Tensor) -> tf.Tensor:
    """Returns whether each value was given: not ``""``, a finite float, not the smallest int64."""
    if values.dtype == tf.string:
        return tf.not_equal(values, "")
    if values.dtype.is_floating:
        return tf.math.is_finite(values)
    return tf.not_equal(values, values.dtype.min)


def drop_sentinels(tensor: RawTensor) -> tf.SparseTensor:
    """Drops ``""``, non-finite floats and the smallest int64, which leaves the given values."""
    sparse = to_sparse(tensor)
    places = tf.squeeze(tf.where(is_present(sparse.values)), axis=1)
    indices, values = tf.gather(sparse.indices, places), tf.gather(sparse.values, places)
    return tf.SparseTensor(indices, values, sparse.dense_shape)


def first_of_rows(tensor: RawTensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Finds the first given value of each row.

    Returns:
        The values ``[batch]``, and ``[batch]`` whether there is one; if not, the value is meaningless.
    """
    if isinstance(tensor, tf.Tensor) and tensor.shape.rank == 1:
        return tensor, is_present(tensor)
    sparse = to_sparse(tensor)
    shape = sparse.dense_shape + [0, 1]  # a batch of empty rows has no column, so one is added
    dense = tf.raw_ops.SparseToDense(
        sparse_indices=sparse.indices,
        output_shape=shape,
        sparse_values=sparse.values,
        default_value=tf.constant(SENTINELS[sparse.dtype], sparse.dtype),
        validate_indices=False,
    )
    dense = tf.ensure_shape(dense, [None, None])
    first = tf.argmax(tf.cast(is_present(dense), tf.int8), axis=1)
    values = tf.gather_nd(dense, tf.stack([tf.range(shape[0]), first], axis=1))
    return values, is_present(values)


class Columns:
    """The raw inputs of one batch, cleaned on first use.

    Args:
        inputs: Feature → raw tensor, as Transform passes them to a ``preprocessing_fn``.
    """

    def __init__(self, inputs: Mapping[str, RawTensor]) -> None:
        self._inputs = dict(inputs)
        self._items: dict[str, tf.SparseTensor] = {}
        self._first: dict[str, tuple[tf.Tensor, tf.Tensor]] = {}

    def _raw(self, feature: str) -> RawTensor:
        if feature not in self._inputs:
            known = near_miss(feature, list(self._inputs))
            raise SpecError(f"features.{feature}", expected="a field of the data", remedy=known)
        return self._inputs[feature]

    def items(self, feature: str) -> tf.SparseTensor:
        """Returns every given value of a feature as a sparse ``[batch, width]``.

        Raises:
            SpecError: The data has no such feature.
        """
        if feature not in self._items:
            self._items[feature] = drop_sentinels(self._raw(feature))
        return self._items[feature]

    def all(self) -> dict[str, tf.SparseTensor]:
        """Returns every feature, cleaned."""
        return {name: self.items(name) for name in self._inputs}

    def first(self, feature: str) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the first given value of each row ``[batch]``, and whether there is one.

        Raises:
            SpecError: The data has no such feature.
        """
        if feature not in self._first:
            self._first[feature] = first_of_rows(self._raw(feature))
        return self._first[feature]

    def number(self, feature: str, kind: str) -> tf.Tensor:
        """Returns float64 ``[batch]`` with NaN where the value is missing.

        Raises:
            SpecError: The feature is text.
        """
        values, there = self.first(feature)
        if values.dtype == tf.string:
            remedy = "use vocabulary, hash or text, or give the field type: int or float"
            raise SpecError(f"features.{feature}: {kind}", expected="a number", seen="text", remedy=remedy)
        return tf.where(there, tf.cast(values, tf.float64), tf.constant(float("nan"), tf.float64))

    def word(self, feature: str, kind: str) -> tf.Tensor:
        """Returns text, or an integer as text, ``[batch]`` with ``""`` where the value is missing.

        Raises:
            SpecError: The feature is a float.
        """
        values, there = self.first(feature)
        return values if values.dtype == tf.string else tf.where(there, as_text(values, feature, kind), "")


def as_text(values: tf.Tensor, feature: str, kind: str) -> tf.Tensor:
    """Returns integers as text, and text unchanged.

    Raises:
        SpecError: The values are floats, which have no reliable text form.
    """
    if values.dtype.is_floating:
        remedy = "use buckets, or give the field type: int or string"
        raise SpecError(
            f"features.{feature}: {kind}", expected="text or integers", seen="floats", remedy=remedy
        )
    return values if values.dtype == tf.string else tf.strings.as_string(values)

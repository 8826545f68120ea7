"""Raw inputs as the transformations want them: sentinels dropped, first value of each row, readable errors.

Serving encodes what is missing, null or padding as a sentinel, because a dense tensor has no holes: ``""`` for
strings, NaN for floats, the smallest int64 for integers. Dropping sentinels is the outermost step of Transform, so
training examples (where such a value is absent) and served requests come out equal by construction.
"""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

from foundation.errors import SpecError, near_miss

RawTensor = tf.Tensor | tf.SparseTensor | tf.RaggedTensor


def to_sparse(tensor: RawTensor) -> tf.SparseTensor:
    """Returns ``[batch]`` or ``[batch, width]`` as a sparse ``[batch, width]`` that still holds every value."""
    if isinstance(tensor, tf.SparseTensor):
        return tensor
    if isinstance(tensor, tf.RaggedTensor):
        return tensor.to_sparse()
    dense = tensor[:, tf.newaxis] if tensor.shape.rank == 1 else tensor
    everywhere = tf.where(tf.ones_like(dense, tf.bool))
    return tf.SparseTensor(everywhere, tf.reshape(dense, [-1]), tf.shape(dense, tf.int64))


def drop_sentinels(tensor: RawTensor) -> tf.SparseTensor:
    """Drops ``""``, every float that is not finite, and the smallest int64; what is left is what was given."""
    sparse = to_sparse(tensor)
    if sparse.dtype == tf.string:
        present = tf.not_equal(sparse.values, "")
    elif sparse.dtype.is_floating:
        present = tf.math.is_finite(sparse.values)
    else:
        present = tf.not_equal(sparse.values, sparse.dtype.min)
    return tf.sparse.retain(sparse, present)


def first_of_rows(sparse: tf.SparseTensor) -> tf.SparseTensor:
    """Returns the first value of every row that has one, as a sparse ``[batch, 1]``."""
    rows = sparse.indices[:, 0]
    is_first = tf.not_equal(rows, tf.concat([[tf.constant(-1, tf.int64)], rows[:-1]], axis=0))
    rows = tf.boolean_mask(rows, is_first)
    shape = tf.stack([sparse.dense_shape[0], tf.constant(1, tf.int64)])
    indices = tf.stack([rows, tf.zeros_like(rows)], axis=1)
    return tf.SparseTensor(indices, tf.boolean_mask(sparse.values, is_first), shape)


def dense_first(sparse: tf.SparseTensor, default: float | int | str) -> tf.Tensor:
    """Returns a ``[batch]`` of a sparse ``[batch, 1]``, with ``default`` where a row has no value."""
    filled = tf.sparse.to_dense(sparse, tf.constant(default, sparse.dtype))
    return tf.squeeze(tf.ensure_shape(filled, [None, 1]), axis=1)


class Columns:
    """The raw inputs of one batch, cleaned when first asked for.

    Args:
        inputs: Feature → raw tensor, as Transform hands them to a ``preprocessing_fn``.
    """

    def __init__(self, inputs: Mapping[str, RawTensor]) -> None:
        self._inputs = dict(inputs)
        self._cleaned: dict[str, tf.SparseTensor] = {}

    def items(self, feature: str) -> tf.SparseTensor:
        """Returns every given value of a feature as a sparse ``[batch, width]``.

        Raises:
            SpecError: The data has no such feature.
        """
        if feature not in self._inputs:
            raise SpecError(
                f"features.{feature}",
                expected="a field of the data",
                remedy=near_miss(feature, list(self._inputs)),
            )
        if feature not in self._cleaned:
            self._cleaned[feature] = drop_sentinels(self._inputs[feature])
        return self._cleaned[feature]

    def all(self) -> dict[str, tf.SparseTensor]:
        """Returns every feature, cleaned."""
        return {name: self.items(name) for name in self._inputs}

    def first(self, feature: str) -> tf.SparseTensor:
        """Returns the first value of each row as a sparse ``[batch, 1]``."""
        return first_of_rows(self.items(feature))

    def number(self, feature: str, kind: str) -> tf.Tensor:
        """Returns a dense float64 ``[batch]`` with NaN where the value is missing.

        Raises:
            SpecError: The feature is text.
        """
        sparse = self.first(feature)
        if sparse.dtype == tf.string:
            remedy = "use vocabulary, hash or text, or give the field type: int or float"
            raise SpecError(f"features.{feature}: {kind}", expected="a number", seen="text", remedy=remedy)
        return dense_first(tf.cast(sparse, tf.float64), float("nan"))

    def words(self, feature: str, kind: str, first: bool = True) -> tf.SparseTensor:
        """Returns text, or integers as text: the first of each row, or all of them.

        Raises:
            SpecError: The feature is a float.
        """
        sparse = self.first(feature) if first else self.items(feature)
        if sparse.dtype.is_floating:
            remedy = "use buckets, or give the field type: int or string"
            raise SpecError(
                f"features.{feature}: {kind}", expected="text or integers", seen="floats", remedy=remedy
            )
        if sparse.dtype == tf.string:
            return sparse
        return sparse.with_values(tf.strings.as_string(sparse.values))

    def text(self, feature: str) -> tf.SparseTensor:
        """Returns all text of a feature as a sparse ``[batch, width]``.

        Raises:
            SpecError: The feature is a number.
        """
        sparse = self.items(feature)
        if sparse.dtype != tf.string:
            raise SpecError(
                f"features.{feature}: text", expected="text", seen="numbers", remedy="use zscore or buckets"
            )
        return sparse

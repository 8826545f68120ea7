"""The fields of one type, joined: every value with its row and its field, so that one operation serves all fields.

A graph's operations cost time whenever it is traced, saved or loaded, so their number must not grow with the fields.
Only the joining itself takes an input for each field.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import tensorflow as tf

from components.transform.columns import SENTINELS, RawTensor, is_present, to_sparse


@dataclass(frozen=True)
class Values:
    """Every value of some fields, sentinels included; those of one row and field in their order.

    Attributes:
        values: The values ``[values]``.
        rows: Row of each: int64 ``[values]``.
        fields: Number of the field of each: int64 ``[values]``.
        batch: Number of rows: int64.
    """

    values: tf.Tensor
    rows: tf.Tensor
    fields: tf.Tensor
    batch: tf.Tensor

    def named(self) -> Values:
        """Returns the same under names by type, such as ``joined_string_rows``, where a graph can be entered.

        A served model has its values side by side already; it need not make a sparse tensor of each field first.
        """
        of = self.values.dtype.name
        return Values(
            tf.identity(self.values, name=f"joined_{of}_values"),
            tf.identity(self.rows, name=f"joined_{of}_rows"),
            tf.identity(self.fields, name=f"joined_{of}_fields"),
            tf.identity(self.batch, name=f"joined_{of}_batch"),
        )


class Joined:
    """Fields of one type.

    Args:
        tensors: Field → raw tensor; at least one, all of the same type. They are numbered in this order.
    """

    def __init__(self, tensors: Mapping[str, RawTensor]) -> None:
        self.fields = list(tensors)
        joined = join(list(tensors.values())).named()
        self.batch, self._values = joined.batch, joined.values
        keys = joined.rows * len(self.fields) + joined.fields
        self._keys = tf.where(is_present(self._values), keys, tf.constant(-1, tf.int64))

    @property
    def dtype(self) -> tf.DType:
        """Their type."""
        return self._values.dtype

    @cached_property
    def _first(self) -> tuple[tf.Tensor, tf.Tensor]:
        count = tf.size(self._values, tf.int64)
        places = tf.math.unsorted_segment_min(tf.range(count), self._keys, self.batch * len(self.fields))
        places = self._as_matrix(tf.minimum(places, count))
        sentinel = tf.constant([SENTINELS[self.dtype]], self.dtype)
        return tf.gather(tf.concat([self._values, sentinel], axis=0), places), places < count

    @property
    def first(self) -> tf.Tensor:
        """The first given value of each row and field ``[batch, fields]``, the sentinel where there is none."""
        return self._first[0]

    @property
    def given(self) -> tf.Tensor:
        """Whether a row has a value of the field: bool ``[batch, fields]``."""
        return self._first[1]

    @cached_property
    def counts(self) -> tf.Tensor:
        """Number of values: float64 ``[batch, fields]``."""
        ones = tf.ones_like(self._keys, tf.float64)
        return self._as_matrix(tf.math.unsorted_segment_sum(ones, self._keys, self.batch * len(self.fields)))

    def items(self, wanted: Mapping[str, int]) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Returns every given value of some fields.

        Args:
            wanted: Field → the number that stands for it in the answer.

        Returns:
            int64 rows, int64 numbers of the fields, and the values, each ``[items]``.
        """
        numbers = tf.constant([wanted.get(field, -1) for field in self.fields], tf.int64)
        number = tf.gather(numbers, tf.maximum(self._keys, 0) % len(self.fields))
        places = tf.where((self._keys >= 0) & (number >= 0))[:, 0]
        rows = tf.gather(self._keys, places) // len(self.fields)
        return rows, tf.gather(number, places), tf.gather(self._values, places)

    def _as_matrix(self, flat: tf.Tensor) -> tf.Tensor:
        matrix = tf.reshape(flat, tf.stack([self.batch, len(self.fields)]))
        return tf.ensure_shape(matrix, [None, len(self.fields)])


def join(tensors: list[RawTensor]) -> Values:
    """Joins raw tensors of one type; the fields are numbered in their order."""
    dense = {
        number: tensor
        for number, tensor in enumerate(tensors)
        if isinstance(tensor, tf.Tensor) and (tensor.shape.rank == 1 or tensor.shape[1] is not None)
    }
    sparse = {number: to_sparse(tensor) for number, tensor in enumerate(tensors) if number not in dense}
    if not dense:
        return _of_sparse(sparse)
    if not sparse:
        return _of_dense(dense)
    one, other = _of_sparse(sparse), _of_dense(dense)
    return Values(
        tf.concat([one.values, other.values], axis=0),
        tf.concat([one.rows, other.rows], axis=0),
        tf.concat([one.fields, other.fields], axis=0),
        one.batch,
    )


def _of_sparse(tensors: Mapping[int, tf.SparseTensor]) -> Values:
    """Joins sparse tensors ``[batch, width]`` by number of the field."""
    parts = [tensor.values for tensor in tensors.values()]
    values = tf.concat(parts, axis=0)
    rows = tf.concat([tensor.indices for tensor in tensors.values()], axis=0)[:, 0]
    ends = tf.cumsum(tf.concat(tf.shape_n(parts, tf.int64), axis=0))
    part = tf.searchsorted(ends, tf.range(tf.size(values, tf.int64)), side="right", out_type=tf.int64)
    fields = tf.gather(tf.constant(list(tensors), tf.int64), part)
    return Values(values, rows, fields, next(iter(tensors.values())).dense_shape[0])


def _of_dense(tensors: Mapping[int, tf.Tensor]) -> Values:
    """Joins dense tensors ``[batch]`` and ``[batch, width]`` by number of the field."""
    scalars = [number for number, tensor in tensors.items() if tensor.shape.rank == 1]
    arrays = [number for number in tensors if number not in scalars]
    stacked = [tf.stack([tensors[number] for number in scalars], axis=1)] if scalars else []
    block = tf.concat([*stacked, *(tensors[number] for number in arrays)], axis=1)
    columns = [*scalars, *(number for number in arrays for _ in range(tensors[number].shape[1]))]
    batch = tf.shape(block, tf.int64)[0]
    rows = tf.repeat(tf.range(batch), len(columns))
    fields = tf.tile(tf.constant(columns, tf.int64), batch[tf.newaxis])
    return Values(tf.reshape(block, [-1]), rows, fields, batch)

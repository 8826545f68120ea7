"""The raw fields of a batch as transformations ask for them: for several fields at once, whatever their types."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import tensorflow as tf

from components.transform.columns import RawTensor, as_text
from components.transform.joined import Joined
from foundation.errors import SpecError, near_miss


@dataclass(frozen=True)
class Words:
    """Words of several fields, each with its place.

    Attributes:
        rows: int64 ``[words]``.
        fields: int64 ``[words]``, numbered in the order in which the fields were asked for.
        values: string ``[words]``; empty where a value is missing.
    """

    rows: tf.Tensor
    fields: tf.Tensor
    values: tf.Tensor


class Fields:
    """The fields that the document uses, cleaned of sentinels. Whatever is computed from them depends on all of them.

    Args:
        inputs: Feature → raw tensor, as Transform passes them to a ``preprocessing_fn``.
        used: Features that the document uses; without the label, which a served model does not get.

    Raises:
        SpecError: The data has no such feature.
    """

    def __init__(self, inputs: Mapping[str, RawTensor], used: Iterable[str]) -> None:
        by_type: dict[tf.DType, dict[str, RawTensor]] = {}
        for feature in used:
            if feature not in inputs:
                remedy = near_miss(feature, list(inputs))
                raise SpecError(f"features.{feature}", expected="a field of the data", remedy=remedy)
            by_type.setdefault(inputs[feature].dtype, {})[feature] = inputs[feature]
        self._joined = {dtype: Joined(tensors) for dtype, tensors in by_type.items()}
        self._type = {field: dtype for dtype, joined in self._joined.items() for field in joined.fields}

    @property
    def batch(self) -> tf.Tensor:
        """Number of rows: int64."""
        return next(iter(self._joined.values())).batch

    def given(self, fields: Sequence[str]) -> tf.Tensor:
        """Returns whether each row has a value: bool ``[batch, fields]``."""
        return _pick(self._all_given, self._order, fields)

    def counts(self, fields: Sequence[str]) -> tf.Tensor:
        """Returns the number of values in each row: float64 ``[batch, fields]``."""
        return _pick(self._all_counts, self._order, fields)

    def numbers(self, fields: Sequence[str], kind: str) -> tf.Tensor:
        """Returns the first value of each row, float64 ``[batch, fields]`` with NaN where it is missing.

        Args:
            fields: The fields.
            kind: Name of the transformation, for the message.

        Raises:
            SpecError: A field is text.
        """
        for field in fields:
            if self._type[field] == tf.string:
                remedy = "use vocabulary, hash or text, or give the field type: int or float"
                raise SpecError(f"features.{field}: {kind}", expected="a number", seen="text", remedy=remedy)
        return _pick(self._all_numbers, self._order_of_numbers, fields)

    def words(self, fields: Sequence[str], kind: str) -> tf.Tensor:
        """Returns the first value of each row as text, string ``[batch, fields]`` with ``""`` where it is missing.

        Raises:
            SpecError: A field is a float.
        """
        blocks, order = [], []
        for joined, some in self._by_type(fields):
            first = _pick(joined.first, joined.fields, some)
            text = as_text(first, some[0], kind)
            if joined.dtype != tf.string:
                text = tf.where(_pick(joined.given, joined.fields, some), text, "")
            blocks.append(text)
            order += some
        return _pick(_side_by_side(blocks), order, fields)

    def items(self, fields: Sequence[str], kind: str) -> Words:
        """Returns every value of the fields as text.

        Raises:
            SpecError: A field is a float.
        """
        number = {field: index for index, field in enumerate(fields)}
        found = []
        for joined, some in self._by_type(fields):
            rows, numbers, values = joined.items({field: number[field] for field in some})
            found.append((rows, numbers, as_text(values, some[0], kind)))
        return Words(*(tf.concat(parts, axis=0) for parts in zip(*found, strict=True)))

    def texts(self, fields: Sequence[str], kind: str) -> Words:
        """Returns every value of text fields.

        Raises:
            SpecError: A field is a number.
        """
        for field in fields:
            if self._type[field] != tf.string:
                raise SpecError(
                    f"features.{field}: {kind}",
                    expected="text",
                    seen="numbers",
                    remedy="use zscore or buckets",
                )
        return self.items(fields, kind)

    def _by_type(self, fields: Sequence[str]) -> list[tuple[Joined, list[str]]]:
        """Returns those fields that each type has, each once."""
        distinct = dict.fromkeys(fields)
        some = [
            (joined, [field for field in distinct if self._type[field] == dtype])
            for dtype, joined in self._joined.items()
        ]
        return [(joined, mine) for joined, mine in some if mine]

    @cached_property
    def _order(self) -> list[str]:
        return [field for joined in self._joined.values() for field in joined.fields]

    @cached_property
    def _all_given(self) -> tf.Tensor:
        return _side_by_side([joined.given for joined in self._joined.values()])

    @cached_property
    def _all_counts(self) -> tf.Tensor:
        return _side_by_side([joined.counts for joined in self._joined.values()])

    @cached_property
    def _order_of_numbers(self) -> list[str]:
        return [field for field in self._order if self._type[field] != tf.string]

    @cached_property
    def _all_numbers(self) -> tf.Tensor:
        missing = tf.constant(float("nan"), tf.float64)
        return _side_by_side(
            [
                tf.where(joined.given, tf.cast(joined.first, tf.float64), missing)
                for dtype, joined in self._joined.items()
                if dtype != tf.string
            ]
        )


def _side_by_side(blocks: list[tf.Tensor]) -> tf.Tensor:
    return blocks[0] if len(blocks) == 1 else tf.concat(blocks, axis=1)


def _pick(matrix: tf.Tensor, order: Sequence[str], wanted: Sequence[str]) -> tf.Tensor:
    """Returns the wanted columns of a matrix whose columns are in an order."""
    if list(order) == list(wanted):
        return matrix
    place = {name: index for index, name in enumerate(order)}
    return tf.gather(matrix, [place[name] for name in wanted], axis=1)

"""Marks for missing values in dense tensors, as Penstock's models understand them.

``serving_default`` of a pushed model takes dense tensors, which cannot omit values. It reads ``""``, NaN and the smallest
int64 as missing (docs/training.md). None, omitted features and rows of unequal length become these marks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from serving.client.errors import InputError
from serving.wire.dtypes import DType

_MARKS: Final[dict[DType, Any]] = {
    DType.STRING: b"",
    DType.FLOAT: float("nan"),
    DType.DOUBLE: float("nan"),
    DType.INT64: -(2**63),
}


def mark(dtype: DType, subject: str) -> Any:
    """Returns a type's mark.

    Raises:
        InputError: The type has no mark.
    """
    if dtype not in _MARKS:
        raise InputError(
            subject, expected="a value; missing ones have marks in string, float and int64 only", seen="None"
        )
    return _MARKS[dtype]


def filled(value: Any, dtype: DType, rank: int | None, subject: str) -> Any:
    """Returns nested lists without gaps: None becomes the mark, short lists are padded with it.

    Args:
        value: A Python value or nested lists. Arrays are returned unchanged, unless they hold Python objects, or
            NaN for integers or text, as pandas marks missing values.
        dtype: The type that the model declares.
        rank: The rank of the whole tensor; a None in place of a list becomes a list of marks. None: unknown.
        subject: The model and the input, for messages.
    """
    if hasattr(value, "dtype"):
        array = np.asarray(value)
        if array.dtype.kind not in "Of" or (array.dtype.kind == "f" and dtype.numpy.kind == "f"):
            return value
        value = array.tolist()
    if not isinstance(value, list | tuple) and value is not None:
        return value
    plain = _plain(value)
    if not _has_hole(plain):
        return value
    shape = _bounds(plain)
    shape += [1] * ((rank or 0) - len(shape) if len(shape) > 1 or _all_missing(plain) else 0)
    return _fill(plain, shape, mark(dtype, subject))


def padded(array: np.ndarray, dtype: DType) -> np.ndarray:
    """Returns rows that all hold an empty list with one mark each, as beside longer lists; others unchanged."""
    if array.size or not array.ndim or not array.shape[0] or dtype not in _MARKS:
        return array
    return np.full([max(size, 1) for size in array.shape], _MARKS[dtype], dtype.numpy)


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def _has_hole(value: Any) -> bool:
    if not isinstance(value, list):
        return value is None
    lengths = {len(v) if isinstance(v, list) else -1 for v in value}
    return len(lengths) > 1 or any(_has_hole(v) for v in value)


def _all_missing(value: Any) -> bool:
    return all(_all_missing(v) for v in value) if isinstance(value, list) else value is None


def _bounds(value: Any) -> list[int]:
    """Returns the smallest shape that holds nested lists; an inner list counts as at least one long."""
    if not isinstance(value, list):
        return []
    below: Sequence[list[int]] = [_bounds(v) for v in value]
    depth = max((len(b) for b in below), default=0)
    return [len(value), *(max([1, *(b[i] for b in below if len(b) > i)]) for i in range(depth))]


def _fill(value: Any, shape: list[int], missing: Any) -> Any:
    if not shape:
        return missing if value is None else value
    if value is None:
        value = []
    if not isinstance(value, list):
        return value  # a value where others have a list: the shape check reports it
    return [_fill(value[i] if i < len(value) else None, shape[1:], missing) for i in range(shape[0])]

"""Converts values to arrays of exactly the declared type; refuses any loss."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from serving.client.errors import InputError
from serving.wire.dtypes import DType
from serving.wire.tensors import objects


def array_of(value: Any, dtype: DType, subject: str) -> np.ndarray:
    """Returns a value as an array of a type.

    Integers become floats if the float holds them exactly, floats become integers if they have no fraction, and
    floats are rounded to narrower floats. Refused: values out of range, integers that a float would round, numbers
    for text and the reverse, and None.

    Args:
        value: A Python value, nested lists, a NumPy array, or anything that NumPy converts to an array.
        dtype: The type that the model declares.
        subject: The model and the input, for messages.

    Raises:
        InputError: The value does not fit; the message says why.
    """
    array = _as_array(value, dtype, subject)
    if not array.size:  # no value that could be of another type
        return np.empty(array.shape, dtype.numpy)
    if array.dtype.kind == "O":
        array = _from_objects(array, dtype, subject)
    if dtype is DType.STRING:
        return _text(array, subject)
    if array.dtype == dtype.numpy:
        return array
    return _number(array, dtype, subject)


def _as_array(value: Any, dtype: DType, subject: str) -> np.ndarray:
    plain = not hasattr(value, "dtype")
    if isinstance(value, str | bytes) or (plain and dtype is DType.STRING):
        return _objects(value, subject)
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise _unequal(subject) from error
    except OverflowError:
        return _objects(value, subject)
    # NumPy turns [1, "a"] into text, and integers beside floats (or far apart) into floats even if it rounds them.
    if plain and (array.dtype.kind in "US" or (array.dtype.kind in "fc" and _may_be_rounded(array, dtype))):
        return _objects(value, subject)
    return array


def _may_be_rounded(array: np.ndarray, dtype: DType) -> bool:
    """Returns whether the list may have held integers that NumPy or the declared type rounds."""
    if dtype.is_integer:
        return array.dtype.kind == "f"
    with np.errstate(over="ignore"):
        return dtype.numpy.kind in "fcV" and bool((np.abs(array) >= 2 ** _precision(dtype)[0]).any())


def _precision(dtype: DType) -> tuple[int, int]:
    """Returns a float type's significant bits and the bits of its largest integers."""
    if dtype is DType.BFLOAT16:
        return 8, 128
    info = np.finfo(dtype.numpy)
    return int(info.nmant) + 1, int(info.maxexp)


def _objects(value: Any, subject: str) -> np.ndarray:
    try:
        return np.array(value, dtype=object)
    except ValueError as error:
        raise _unequal(subject) from error


def _unequal(subject: str) -> InputError:
    return InputError(subject, expected="lists of equal length at each depth", seen="lists of unequal length")


def _from_objects(array: np.ndarray, dtype: DType, subject: str) -> np.ndarray:
    flat = [v.item() if isinstance(v, np.generic) else v for v in array.ravel().tolist()]
    kinds = {type(v) for v in flat}
    if type(None) in kinds:
        raise InputError(
            subject,
            expected=f"values of {dtype.label}",
            seen="None",
            remedy="leave such rows out, or pass fill_missing=True if the model marks missing values as Penstock does",
        )
    if kinds & {list, tuple}:
        raise _unequal(subject)
    if kinds <= {str, bytes}:
        return objects(flat).reshape(array.shape)
    if kinds <= {int, bool, float, complex}:
        return _numbers(flat, dtype, subject).reshape(array.shape)
    names = ", ".join(sorted(kind.__name__ for kind in kinds))
    raise InputError(subject, expected=f"values of {dtype.label}", seen=names)


def _numbers(flat: list[Any], dtype: DType, subject: str) -> np.ndarray:
    """Returns Python numbers as an array; checks each, so that no integer is rounded because of its neighbours."""
    if not dtype.is_integer:
        wholes = [value for value in flat if isinstance(value, int)]
        if len(wholes) < len(flat) or np.array(wholes).dtype.kind == "f":
            _refuse_rounded(wholes, dtype, subject)
        made = np.array(flat)
        if made.dtype.kind == "O":
            raise _refused(subject, dtype, "a larger integer")
        return made
    limits = np.iinfo(dtype.numpy)
    for value in flat:
        if isinstance(value, complex) or (isinstance(value, float) and not value.is_integer()):
            raise _refused(subject, dtype, repr(value))
        if not limits.min <= int(value) <= limits.max:
            raise _refused(subject, dtype, repr(value))
    return np.array([int(v) for v in flat], dtype.numpy)


def _text(array: np.ndarray, subject: str) -> np.ndarray:
    kind = array.dtype.kind
    if kind == "O":
        return objects([v.encode() if isinstance(v, str) else v for v in array.ravel()]).reshape(array.shape)
    if kind == "U":
        return objects([str(v).encode() for v in array.ravel()]).reshape(array.shape)
    if kind == "S":
        return objects([bytes(v) for v in array.ravel()]).reshape(array.shape)
    raise InputError(
        subject,
        expected="text or bytes",
        seen=f"{array.dtype}",
        remedy="convert with str() if that is intended",
    )


def _number(array: np.ndarray, dtype: DType, subject: str) -> np.ndarray:
    source, target = array.dtype.kind, dtype.numpy
    if source == "O" or source not in "biufcV" or (dtype is DType.BOOL and source != "b"):
        raise _refused(subject, dtype, _shown(array))
    if dtype.is_integer:
        return _integers(array, dtype, subject)
    if source == "c" and target.kind != "c":
        raise _refused(subject, dtype, "complex numbers")
    with np.errstate(over="ignore"):
        cast = array.astype(target)
    if source in "iu" and max(-int(array.min()), int(array.max())) > 2 ** _precision(dtype)[0]:
        _refuse_rounded(array.ravel().tolist(), dtype, subject)
    elif source in "fcV" and _overflows(array, cast):
        raise _refused(subject, dtype, "a number beyond its range")
    return cast


def _overflows(array: np.ndarray, cast: np.ndarray) -> bool:
    """Returns whether a cast made a finite number infinite; the parts of a complex number count separately."""
    pairs = [(array.real, cast.real), (array.imag, cast.imag)]
    return any(not np.array_equal(np.isfinite(given), np.isfinite(made)) for given, made in pairs)


def _integers(array: np.ndarray, dtype: DType, subject: str) -> np.ndarray:
    if array.dtype.kind == "b":
        return array.astype(dtype.numpy)
    if array.dtype.kind not in "iuf":
        raise _refused(subject, dtype, str(array.dtype))
    odd = array.dtype.kind == "f" and ~(np.isfinite(array) & (np.trunc(array) == array))
    limits = np.iinfo(dtype.numpy)
    if np.any(odd):
        raise _refused(subject, dtype, str(array[odd].flat[0]))
    lowest, highest = int(array.min()), int(array.max())
    if lowest < limits.min or highest > limits.max:
        raise _refused(subject, dtype, str(lowest if lowest < limits.min else highest))
    return array.astype(dtype.numpy)


def _refuse_rounded(wholes: Iterable[int], dtype: DType, subject: str) -> None:
    if dtype.numpy.kind not in "fcV":
        return
    digits, exponent = _precision(dtype)
    for whole in wholes:
        size = abs(whole)
        if (size // (size & -size or 1)).bit_length() > digits or size.bit_length() > exponent:
            raise _refused(subject, dtype, f"{whole}, which {dtype.label} would round")


def _refused(subject: str, dtype: DType, seen: str) -> InputError:
    return InputError(
        subject,
        expected=f"values of {dtype.label}",
        seen=seen,
        remedy="convert it first, if that is intended",
    )


def _shown(array: np.ndarray) -> str:
    return f"{array.dtype}" if array.dtype.kind != "O" else type(array.flat[0]).__name__

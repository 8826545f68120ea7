"""JSON values as arrays, with TF Serving's strict types.

The fast path checks a whole list at once with C-level set and array operations. If it returns None, the careful path
walks through the value as TF Serving does, and either builds the array or raises the first error in TF Serving's words.
"""

from __future__ import annotations

import base64
import binascii
import struct
from array import array
from functools import lru_cache
from itertools import chain
from typing import Any, Final, NamedTuple

import numpy as np

from serving.server.rest.debug_text import debug_text, type_name
from serving.server.rest.work import AT_ONCE, slices, still_wanted
from serving.server.status import Code, ServingError
from serving.wire.dtypes import DType, dtype_name
from serving.wire.tensors import objects


class _Packing(NamedTuple):
    """How a type's numbers are packed.

    Attributes:
        code: The type code of ``struct`` and ``array``.
        packed: Its NumPy type.
        cast: The final type, if it differs.
        allowed: The Python types of the JSON numbers that it accepts.
    """

    code: str
    packed: np.dtype
    cast: np.dtype | None
    allowed: frozenset[type]


def _packing(code: str, *allowed: type, cast: str = "") -> _Packing:
    return _Packing(code, np.dtype(code), np.dtype(cast) if cast else None, frozenset(allowed))


_NUMBERS: Final[dict[int, _Packing]] = {
    DType.FLOAT: _packing("f", float, int),
    DType.DOUBLE: _packing("d", float, int),
    DType.INT32: _packing("i", int),
    DType.UINT8: _packing("i", int, cast="uint8"),
    DType.INT16: _packing("i", int, cast="int16"),
    DType.INT8: _packing("i", int, cast="int8"),
    DType.INT64: _packing("q", int),
    DType.UINT32: _packing("I", int),
    DType.UINT64: _packing("Q", int),
}
_STRING: Final = int(DType.STRING)
_BOOL: Final = int(DType.BOOL)
_RANGES: Final = {
    "i": (-(2**31), 2**31 - 1),
    "q": (-(2**63), 2**63 - 1),
    "I": (0, 2**32 - 1),
    "Q": (0, 2**64 - 1),
}
_BOOLS: Final = frozenset({bool})
_STRINGS: Final = frozenset({str})
_LISTS: Final = {list}
_MAX_RANK: Final = 254
_NUMPY_RANK: Final = 64
"""NumPy's own limit."""
_PACKED_AT_ONCE: Final = 4096
_WHITE: Final = b" \t\n\r\v\f"


def is_b64(value: Any) -> bool:
    """Returns whether a value is ``{"b64": "<text>"}``: that key alone, with a string."""
    return type(value) is dict and len(value) == 1 and type(value.get("b64")) is str


def decode_b64(value: Any) -> bytes:
    """Returns the bytes of a ``{"b64": …}`` object.

    Raises:
        ServingError: INVALID_ARGUMENT if it is not such an object or not standard base64.
    """
    if not is_b64(value):
        raise _invalid(f"JSON Value: {debug_text(value)} not formatted correctly for base64 data")
    # TF Serving skips white space, because many encoders break lines.
    text = value["b64"].encode(errors="surrogatepass").translate(None, _WHITE)
    padding = b"" if text.endswith(b"=") else b"=" * (-len(text) % 4)
    try:
        return base64.b64decode(text + padding, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise _invalid("Unable to base64 decode") from exc


def to_array(value: Any, dtype: int, *, bools: bool = True) -> np.ndarray:
    """Converts a JSON value to an array; its shape is the nesting of the lists.

    Args:
        value: The parsed value.
        dtype: The number of the TensorFlow type to make.
        bools: Whether it may contain true or false; otherwise the types of numbers need no check.

    Raises:
        ServingError: INVALID_ARGUMENT if it is not rectangular or of another type,
            UNIMPLEMENTED if JSON cannot carry the type.
    """
    made = _quick(value, dtype, bools)
    return made if made is not None else _careful(value, dtype)


def _quick(value: Any, dtype: int, bools: bool) -> np.ndarray | None:
    if type(value) is not list:
        made = _flat([value], dtype, bools)
        return made if made is None else made.reshape(())
    shape = [len(value)]
    flat = value
    while flat and type(flat[0]) is list:
        if types_of(flat) != _LISTS:
            return None
        sizes: set[int] = set().union(*(map(len, part) for part in slices(flat)))
        if len(sizes) != 1 or len(shape) >= _NUMPY_RANK:
            return None
        shape.append(sizes.pop())
        flat = _joined(flat)
    made = _flat(flat, dtype, bools)
    return made if made is None or len(shape) == 1 else made.reshape(shape)


def types_of(values: list[Any]) -> set[type]:
    """Returns the types of values."""
    if len(values) <= AT_ONCE:
        return set(map(type, values))
    return set().union(*(map(type, part) for part in slices(values)))


def _joined(lists: list[list[Any]]) -> list[Any]:
    """Returns the elements of all lists."""
    if len(lists) == 1:
        return lists[0]
    if len(lists) <= AT_ONCE:
        return list(chain.from_iterable(lists))
    joined: list[Any] = []
    for part in slices(lists):
        joined.extend(chain.from_iterable(part))
    return joined


def _flat(values: list[Any], dtype: int, bools: bool) -> np.ndarray | None:
    packing = _NUMBERS.get(dtype)
    if packing is not None:
        # Packing refuses anything that is not such a number, but accepts true as 1.
        if bools and not packing.allowed.issuperset(types_of(values)):
            return None
        return _packed(values, packing)
    types = types_of(values)
    if dtype == _STRING and types <= _STRINGS:
        return objects([text.encode() for part in slices(values) for text in part])
    if dtype == _BOOL and types <= _BOOLS:
        return np.concatenate([np.array(part, np.bool_) for part in slices(values)])
    return None


def _packed(values: list[Any], packing: _Packing) -> np.ndarray | None:
    code, packed, cast, _ = packing
    try:
        if len(values) <= _PACKED_AT_ONCE:
            made = np.frombuffer(_packer(code, len(values))(*values), packed)
        else:
            made = np.concatenate([np.frombuffer(array(code, part), packed) for part in slices(values)])
    except (OverflowError, TypeError, struct.error):
        return None
    return made if cast is None else made.astype(cast)


@lru_cache(maxsize=256)
def _packer(code: str, count: int) -> Any:
    return struct.Struct(f"={count}{code}").pack


def _careful(value: Any, dtype: int) -> np.ndarray:
    shape = _shape_of_first(value)
    values: list[Any] = []
    _collect(value, 0, dtype, shape, values)
    if dtype == _STRING:
        return objects(values).reshape(shape)
    if dtype == _BOOL:
        return np.array(values, np.bool_).reshape(shape)
    if dtype not in _NUMBERS:
        # Without any value there was nothing to refuse.
        return np.zeros(shape, np.float32)
    code, packed, cast, _ = _NUMBERS[dtype]
    return np.frombuffer(array(code, values), packed).astype(cast or packed, copy=False).reshape(shape)


def _shape_of_first(value: Any) -> list[int]:
    shape = []
    while type(value) is list:
        shape.append(len(value))
        if not value:
            break
        value = value[0]
    if len(shape) > _MAX_RANK:
        raise _invalid(f"Shape must have no more than {_MAX_RANK} dimensions")
    check_rank(len(shape))
    return shape


def check_rank(rank: int) -> None:
    """Refuses a tensor that NumPy cannot hold.

    Raises:
        ServingError: INVALID_ARGUMENT, as for such a tensor by gRPC; TensorFlow could hold it.
    """
    if rank > _NUMPY_RANK:
        raise _invalid(f"Tensor has {rank} dimensions; this server handles at most {_NUMPY_RANK}")


def _collect(value: Any, level: int, dtype: int, shape: list[int], values: list[Any]) -> None:
    """Appends a value's leaves in order, or raises the first error that TF Serving would meet."""
    still_wanted()
    rank = len(shape)
    if type(value) is not list:
        if level != rank:
            raise _invalid(
                f"JSON Value: {debug_text(value)} found at incorrect level: {level + 1}"
                f" in the JSON DOM. Expected at level: {rank}"
            )
        values.append(_leaf(value, dtype))
        return
    if level >= rank:
        raise _invalid(f"Encountered list at unexpected level: {level} expected < {rank}")
    if len(value) != shape[level]:
        raise _invalid(
            f"Encountered list at unexpected size: {len(value)} at level: {level} expected size: {shape[level]}"
        )
    for item in value:
        _collect(item, level + 1, dtype, shape, values)


def _leaf(value: Any, dtype: int) -> Any:
    kind = type(value)
    if dtype == _STRING:
        if kind is dict:
            return decode_b64(value)
        if kind is str:
            return value.encode()
    elif kind is dict:
        raise _mistyped(value, dtype)
    elif dtype == _BOOL:
        if kind is bool:
            return value
    elif dtype not in _NUMBERS:
        raise ServingError(
            Code.UNIMPLEMENTED,
            f"Conversion of JSON Value: {debug_text(value)} to type: {dtype_name(dtype)}",
        )
    else:
        code, _, _, allowed = _NUMBERS[dtype]
        if kind in allowed:
            low, high = _RANGES.get(code, (value, value))
            if low <= value <= high or value != value:
                return value
    raise _mistyped(value, dtype)


def _mistyped(value: Any, dtype: int) -> ServingError:
    return _invalid(
        f"JSON Value: {debug_text(value)} Type: {type_name(value)} is not of expected type: {dtype_name(dtype)}"
    )


def _invalid(text: str) -> ServingError:
    return ServingError(Code.INVALID_ARGUMENT, text)

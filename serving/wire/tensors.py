"""TensorProto to and from NumPy, by TensorFlow's own rules on sizes, repeated values and fields."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from google.protobuf.message import DecodeError
from google.protobuf.unknown_fields import UnknownFieldSet

from serving.wire import requests_pb2, varints
from serving.wire.dtypes import HALVES, KINDS, NUMBERS, QUANTIZED, DType, Kind
from serving.wire.writer import delimited, varint

if TYPE_CHECKING:
    from collections.abc import Sequence

_MOST_DIMENSIONS: Final = 254
_INT64_MAX: Final = 2**63 - 1
_MOST_REPEATED_BYTES: Final = 64 << 20
"""One value may fill a whole tensor, but a tiny message must not become gigabytes of memory."""
_STRING_BYTES: Final = 32
_WIDEST_ELEMENT: Final = 16
_STRING: Final = int(DType.STRING)
_CACHED_BYTES: Final = 256
"""Larger shapes are not cached."""
Shape = tuple[int, ...]


class TensorParsingError(ValueError):
    """A TensorProto that TensorFlow would not parse: its sizes, type or content are inconsistent."""


def decode(tensor: Any, *, strict: bool = False) -> np.ndarray:
    """Reads a tensor.

    Args:
        tensor: A ``requests_pb2.Tensor``.
        strict: Whether to refuse more values than elements, and no values for some elements; one value may still
            fill any number. For a server's answers, where such a tensor is a bug rather than an attack.

    Returns:
        The array, read-only if it shares the message's memory; strings are an object array of bytes.

    Raises:
        TensorParsingError: TensorFlow would not parse it.
    """
    shape, count = _shape_of(tensor.tensor_shape)
    number = tensor.dtype
    if number == _STRING:
        return _strings(tensor, shape, count, strict)
    kind = KINDS.get(number)
    if kind is None:
        return _rare(tensor, count, strict)
    content = tensor.tensor_content
    if content and content[-1]:
        return _from_content(content[-1], kind, shape, count)
    parts = getattr(tensor, kind.field)
    packed = parts[0] if len(parts) == 1 else b"".join(parts)
    values = _fixed(packed, kind.wire) if kind.wire is not None else _from_varints(packed, number, kind)
    if values.size == count:
        return values.reshape(shape)
    return _refit(tensor, kind, values, shape, count, strict)


def _fixed(packed: bytes, dtype: np.dtype) -> np.ndarray:
    try:
        return np.frombuffer(packed, dtype)
    except ValueError as error:
        raise TensorParsingError(str(error)) from error


def _from_varints(packed: bytes, number: int, kind: Kind) -> np.ndarray:
    try:
        values = varints.decode(packed)
    except ValueError as error:
        raise TensorParsingError(str(error)) from error
    if number in HALVES:
        return values.astype(np.uint16).view(kind.array)
    return values.astype(kind.array)


def _refit(tensor: Any, kind: Kind, values: np.ndarray, shape: Shape, count: int, strict: bool) -> np.ndarray:
    """Fits values to elements: repeats the last of too few, uses zeros for none, cuts too many."""
    if _has_unpacked(tensor):
        return _rare(tensor, count, strict)
    if strict:
        _check_number(values.size, count)
    if values.size > count:
        return values[:count].reshape(shape)
    if count * kind.array.itemsize > _MOST_REPEATED_BYTES and not strict:
        raise TensorParsingError("too many elements for the values sent")
    whole = np.zeros(count, kind.array)
    if values.size:
        whole[: values.size] = values
        whole[values.size :] = values[-1]
    return whole.reshape(shape)


def _check_number(values: int, count: int) -> None:
    if values > count or (count and not values):
        raise TensorParsingError(f"{values} values for {count} elements")


def _has_unpacked(tensor: Any) -> bool:
    return len(UnknownFieldSet(tensor)) > 0


def _from_content(content: bytes, kind: Kind, shape: Shape, count: int) -> np.ndarray:
    if len(content) != count * kind.array.itemsize:
        raise TensorParsingError("tensor_content does not fit the shape")
    if kind.array == np.bool_:
        return (np.frombuffer(content, np.uint8) != 0).reshape(shape)
    return np.frombuffer(content, kind.array).reshape(shape)


def _strings(tensor: Any, shape: Shape, count: int, strict: bool) -> np.ndarray:
    content = tensor.tensor_content
    if count and content and content[-1]:
        values = _string_list(content[-1], count)
    else:
        if strict:
            _check_number(len(tensor.string_val), count)
        values = tensor.string_val[:count]
    if len(values) < count:
        if count * _STRING_BYTES > _MOST_REPEATED_BYTES and not strict:
            raise TensorParsingError("too many elements for the values sent")
        values.extend([values[-1] if values else b""] * (count - len(values)))
    return objects(values).reshape(shape)


def objects(values: Sequence[object]) -> np.ndarray:
    """Returns a one-dimensional object array of any values."""
    array: np.ndarray = np.empty(len(values), object)
    array[:] = values
    return array


def _string_list(content: bytes, count: int) -> list[bytes]:
    """Reads a string tensor's content: lengths as varints, then the strings."""
    lengths = []
    position = 0
    for _ in range(count):
        length, shift = 0, 0
        while True:
            if position >= len(content) or shift > 28:
                raise TensorParsingError("the string lengths in tensor_content are cut off")
            octet = content[position]
            position += 1
            length |= (octet & 0x7F) << shift
            shift += 7
            if octet < 0x80:
                break
        lengths.append(length)
    if position + sum(lengths) != len(content):
        raise TensorParsingError("the strings in tensor_content do not fit their lengths")
    strings = []
    for length in lengths:
        strings.append(content[position : position + length])
        position += length
    return strings


def _rare(tensor: Any, count: int, strict: bool) -> np.ndarray:
    """Reads what the fast path does not: unpacked elements, quantized and other rare types."""
    content = tensor.SerializeToString()
    try:
        message = requests_pb2.TensorProto.FromString(content)
    except DecodeError as error:
        raise TensorParsingError(str(error)) from error
    packed = requests_pb2.Tensor.FromString(message.SerializeToString())
    if message.dtype in KINDS and not _has_unpacked(packed):
        return decode(packed, strict=strict)
    if count > len(content) and count * _WIDEST_ELEMENT > _MOST_REPEATED_BYTES:
        raise TensorParsingError("too many elements for the values sent")
    return _by_tensorflow(content)


def _by_tensorflow(content: bytes) -> np.ndarray:
    from tensorflow.core.framework import tensor_pb2
    from tensorflow.python.framework import tensor_util

    try:
        message = tensor_pb2.TensorProto.FromString(content)
        return np.asarray(tensor_util.MakeNdarray(message))
    except (
        DecodeError,
        TypeError,
        ValueError,
        KeyError,
        IndexError,
        AttributeError,
        OverflowError,
    ) as error:
        raise TensorParsingError(str(error)) from error


def _shape_of(parts: Sequence[bytes]) -> tuple[Shape, int]:
    packed = parts[0] if len(parts) == 1 else b"".join(parts)
    return _cached_shape(packed) if len(packed) <= _CACHED_BYTES else _read_shape(packed)


@lru_cache(maxsize=1024)
def _cached_shape(packed: bytes) -> tuple[Shape, int]:
    return _read_shape(packed)


def _read_shape(packed: bytes) -> tuple[Shape, int]:
    try:
        message = requests_pb2.Shape.FromString(packed)
    except DecodeError as error:
        raise TensorParsingError(str(error)) from error
    sizes = tuple(dim.size for dim in message.dim)
    if message.unknown_rank or len(sizes) > _MOST_DIMENSIONS or any(size < 0 for size in sizes):
        raise TensorParsingError("the shape is not fully known")
    count = 1
    for size in sizes:
        count *= size
        if count > _INT64_MAX:
            raise TensorParsingError("the shape overflows")
    try:
        np.broadcast_to(np.empty((), np.bool_), sizes)
    except ValueError as error:
        # NumPy allows 64 dimensions, TensorFlow 254.
        raise TensorParsingError(str(error)) from error
    return sizes, count


def from_message(message: Any) -> np.ndarray:
    """Reads a ``TensorProto`` message; see ``decode``."""
    return decode(requests_pb2.Tensor.FromString(message.SerializeToString()))


def encode(array: np.ndarray, *, as_content: bool = False) -> bytes:
    """Writes a tensor as a serialized TensorProto.

    Args:
        array: The values; an object array holds bytes.
        as_content: Whether numbers go to ``tensor_content`` instead of the typed field that clients read.

    Returns:
        The serialized TensorProto.
    """
    number = NUMBERS.get(array.dtype)
    if number is None:
        if array.dtype.kind not in "OSU":
            return _encode_rare(array, as_content=as_content)
        return _HEADS[_STRING] + _shape_field(array.shape) + _encode_strings(array, as_content=as_content)
    kind = KINDS[number]
    if as_content or kind.wire is not None:
        return _head_of_fixed(number, array.shape, array.nbytes, as_content) + array.tobytes()
    head = _HEADS[number] + _shape_field(array.shape)
    if not array.size:
        return head
    if number in HALVES:
        values = varints.encode(np.ravel(array).view(np.uint16))
    else:
        values = varints.encode(np.ravel(array))
    return b"".join((head, _TAGS[number], varint(len(values)), values))


@lru_cache(maxsize=4096)
def _head_of_fixed(number: int, shape: Shape, size: int, as_content: bool) -> bytes:
    """Returns everything before the values, if their size follows from the shape."""
    head = _HEADS[number] + _shape_field(shape)
    if not size:
        return head
    return head + (b"\x22" if as_content else _TAGS[number]) + varint(size)


def _encode_strings(array: np.ndarray, *, as_content: bool) -> bytes:
    strings = [value if isinstance(value, bytes) else str(value).encode() for value in array.ravel().tolist()]
    if as_content and strings:
        content = b"".join([varint(len(value)) for value in strings] + strings)
        return b"\x22" + varint(len(content)) + content
    return b"".join([b"\x42" + varint(len(value)) + value for value in strings])


def _encode_rare(array: np.ndarray, *, as_content: bool) -> bytes:
    from tensorflow.python.framework import dtypes as tf_dtypes
    from tensorflow.python.framework import tensor_util

    message = tensor_util.make_tensor_proto(array, tf_dtypes.as_dtype(array.dtype))
    if not as_content and message.tensor_content and array.dtype.names:
        values = array.view(array.dtype[0]).ravel()
        message.ClearField("tensor_content")
        message.int_val.extend(values.tolist())
    return bytes(message.SerializeToString())


def _shape_field(shape: Shape) -> bytes:
    return delimited(2, shape_message(shape))


@lru_cache(maxsize=1024)
def shape_message(shape: Shape) -> bytes:
    """Returns a serialized TensorShapeProto."""
    dims = []
    for size in shape:
        dim = b"\x08" + varint(size) if size else b""
        dims.append(b"\x12" + varint(len(dim)) + dim)
    return b"".join(dims)


def map_entry(alias: str, array: np.ndarray, *, as_content: bool, declared: int = 0) -> bytes:
    """Writes one entry of a response's output map, with the map's tag; field 1 of the message.

    Args:
        alias: The output's name.
        array: Its value.
        as_content: See ``encode``.
        declared: The type that the signature declares.

    Returns:
        The serialized field.
    """
    number = NUMBERS.get(array.dtype)
    if declared in QUANTIZED:
        # Of a repeated field the last value counts.
        tensor = encode(array, as_content=as_content) + b"\x08" + varint(declared)
        return delimited(1, delimited(1, alias.encode()) + delimited(2, tensor))
    if number is not None and (as_content or KINDS[number].wire is not None):
        return _entry_head(alias, number, array.shape, array.nbytes, as_content) + array.tobytes()
    tensor = encode(array, as_content=as_content)
    return delimited(1, delimited(1, alias.encode()) + delimited(2, tensor))


@lru_cache(maxsize=4096)
def _entry_head(alias: str, number: int, shape: Shape, size: int, as_content: bool) -> bytes:
    tensor = _head_of_fixed(number, shape, size, as_content)
    length = varint(len(tensor) + size)
    entry = b"".join((delimited(1, alias.encode()), b"\x12", length, tensor))
    return b"\x0a" + varint(len(entry) + size) + entry


_HEADS: Final = {number: b"\x08" + varint(number) for number in (*map(int, KINDS), _STRING)}
_TAGS: Final = {number: varint(kind.number << 3 | 2) for number, kind in KINDS.items()}

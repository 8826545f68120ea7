"""Arrays to TensorProtos and back, exact and without a Python object for each number."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Final

import numpy as np

from serving.client.dtypes import DType, dtype_of
from serving.client.errors import AnswerError

_PACKED: Final = {
    DType.FLOAT: "float_val",
    DType.DOUBLE: "double_val",
    DType.COMPLEX64: "scomplex_val",
    DType.COMPLEX128: "dcomplex_val",
}
_LISTED: Final = {
    DType.INT32: "int_val",
    DType.UINT8: "int_val",
    DType.INT16: "int_val",
    DType.INT8: "int_val",
    DType.UINT16: "int_val",
    DType.INT64: "int64_val",
    DType.BOOL: "bool_val",
    DType.UINT32: "uint32_val",
    DType.UINT64: "uint64_val",
    DType.STRING: "string_val",
    DType.HALF: "half_val",
    DType.BFLOAT16: "half_val",
}


def write_tensor(array: np.ndarray, dtype: DType, proto: Any) -> None:
    """Fills a TensorProto with an array that already has the type's NumPy type."""
    proto.dtype = int(dtype)
    for size in array.shape:
        proto.tensor_shape.dim.add(size=size)
    proto.tensor_shape.SetInParent()
    if dtype is DType.STRING:
        proto.string_val.extend(array.ravel().tolist())
    else:
        proto.tensor_content = _little_endian(array).tobytes()


def read_tensor(proto: Any, name: str) -> np.ndarray:
    """Returns a TensorProto as an array that can be written to.

    Typed fields and `tensor_content` are both read; where there are fewer values than elements, the last one is
    repeated, as TensorFlow does.

    Raises:
        AnswerError: Its values do not fit its shape.
        UnsupportedError: Its type cannot be read.
    """
    dtype = dtype_of(proto.dtype)
    shape = tuple(dim.size for dim in proto.tensor_shape.dim)
    count = math.prod(shape)
    values = _values(proto, dtype, name)
    if len(values) > count or (count and not len(values)) or min(shape, default=0) < 0:
        raise AnswerError(
            f"output {name!r}", expected=f"{count} values for the shape {list(shape)}", seen=f"{len(values)}"
        )
    if len(values) < count:
        values = np.concatenate([values, np.repeat(values[-1:], count - len(values))])
    return values.reshape(shape)


def _values(proto: Any, dtype: DType, name: str) -> np.ndarray:
    kind = dtype.numpy
    packed = proto.tensor_content
    if not packed and dtype in _PACKED:
        packed = getattr(proto, _PACKED[dtype])
    if packed:
        if dtype is DType.STRING or len(packed) % kind.itemsize:
            raise AnswerError(
                f"output {name!r}", expected=f"whole values of {dtype.label}", seen="other bytes"
            )
        return np.frombuffer(packed, kind.newbyteorder("<")).astype(kind)
    listed = getattr(proto, _LISTED[dtype]) if dtype in _LISTED else ()
    if dtype is DType.STRING:
        return objects(listed)
    if dtype in (DType.HALF, DType.BFLOAT16):
        return np.fromiter(listed, np.uint16, len(listed)).view(kind)
    return np.fromiter(listed, np.int64 if kind.kind == "i" else kind, len(listed)).astype(kind)


def objects(values: Iterable[object]) -> np.ndarray:
    """Returns a one-dimensional object array, whatever the values are."""
    listed = list(values)
    array: np.ndarray = np.empty(len(listed), object)
    array[:] = listed
    return array


def _little_endian(array: np.ndarray) -> np.ndarray:
    return array.astype(array.dtype.newbyteorder("<"), copy=False)

"""TensorFlow's data types as the client meets them: number, name, NumPy type and field of a TensorProto."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import numpy as np

from serving.client.errors import UnsupportedError


class DType(IntEnum):
    """The types of `tensorflow.DataType` that can be fed and fetched, with its numbers."""

    OTHER = 0
    """Any type that can be neither fed nor fetched, such as a resource or an operation without a result."""
    FLOAT = 1
    DOUBLE = 2
    INT32 = 3
    UINT8 = 4
    INT16 = 5
    INT8 = 6
    STRING = 7
    COMPLEX64 = 8
    INT64 = 9
    BOOL = 10
    BFLOAT16 = 14
    UINT16 = 17
    COMPLEX128 = 18
    HALF = 19
    UINT32 = 22
    UINT64 = 23

    @property
    def numpy(self) -> np.dtype:
        """The NumPy type; strings are objects (bytes)."""
        if self is DType.BFLOAT16:
            return _bfloat16()
        if self is DType.OTHER:
            raise UnsupportedError("data type", expected="one of " + _KNOWN, seen="another one")
        return _NUMPY[self]

    @property
    def label(self) -> str:
        """How messages call it: `float32`, `string`, …."""
        return _LABELS.get(self, "") or str(self.numpy)

    @property
    def is_integer(self) -> bool:
        """Whether it holds whole numbers; bool does not count."""
        return self in _INTEGERS


_NUMPY: Final = {
    DType.FLOAT: np.dtype("float32"),
    DType.DOUBLE: np.dtype("float64"),
    DType.INT32: np.dtype("int32"),
    DType.UINT8: np.dtype("uint8"),
    DType.INT16: np.dtype("int16"),
    DType.INT8: np.dtype("int8"),
    DType.STRING: np.dtype(object),
    DType.COMPLEX64: np.dtype("complex64"),
    DType.INT64: np.dtype("int64"),
    DType.BOOL: np.dtype("bool"),
    DType.UINT16: np.dtype("uint16"),
    DType.COMPLEX128: np.dtype("complex128"),
    DType.HALF: np.dtype("float16"),
    DType.UINT32: np.dtype("uint32"),
    DType.UINT64: np.dtype("uint64"),
}
_LABELS: Final = {
    DType.STRING: "string",
    DType.BFLOAT16: "bfloat16",
    DType.OTHER: "a type that cannot be sent",
}
_KNOWN: Final = ", ".join(d.name.lower() for d in DType if d is not DType.OTHER)
_INTEGERS: Final = frozenset(d for d, kind in _NUMPY.items() if kind.kind in "iu")


def dtype_of(number: int | str) -> DType:
    """Returns the type of a number, or of a name such as `DT_FLOAT`; OTHER for those that cannot be sent or read."""
    try:
        return DType[number.removeprefix("DT_")] if isinstance(number, str) else DType(number)
    except (KeyError, ValueError):
        return DType.OTHER


def _bfloat16() -> np.dtype:
    try:
        import ml_dtypes
    except ImportError as error:
        raise UnsupportedError("data type bfloat16", remedy="install the package ml_dtypes") from error
    return np.dtype(ml_dtypes.bfloat16)

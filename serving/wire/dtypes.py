"""TensorFlow's data types: number, names, NumPy type, and TensorProto field."""

from __future__ import annotations

from enum import IntEnum
from typing import Final, NamedTuple

import ml_dtypes
import numpy as np


class DType(IntEnum):
    """The types that can be fed and fetched, numbered as in ``tensorflow.DataType``."""

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
        """The NumPy type; strings are objects (bytes), OTHER has none."""
        return _OBJECT if self is DType.STRING else KINDS[self].array

    @property
    def label(self) -> str:
        """Its name in messages: ``float32``, ``string``, …."""
        return _LABELS.get(self) or str(self.numpy)

    @property
    def is_integer(self) -> bool:
        """Whether it holds whole numbers; bool does not count."""
        return self in KINDS and KINDS[self].array.kind in "iu"


class Kind(NamedTuple):
    """How a data type's elements are encoded.

    Attributes:
        field: The TensorProto field that holds them.
        number: That field's number.
        array: The NumPy type of a tensor of this data type.
        wire: The NumPy type of the field's fixed-size elements; None for varints.
    """

    field: str
    number: int
    array: np.dtype
    wire: np.dtype | None


def _fixed(field: str, number: int, dtype: str) -> Kind:
    return Kind(field, number, np.dtype(dtype), np.dtype(dtype))


def _varint(field: str, number: int, dtype: object) -> Kind:
    return Kind(field, number, np.dtype(dtype), None)  # type: ignore[call-overload]


KINDS: Final[dict[int, Kind]] = {
    DType.FLOAT: _fixed("float_val", 5, "<f4"),
    DType.DOUBLE: _fixed("double_val", 6, "<f8"),
    DType.INT32: _varint("int_val", 7, np.int32),
    DType.UINT8: _varint("int_val", 7, np.uint8),
    DType.INT16: _varint("int_val", 7, np.int16),
    DType.INT8: _varint("int_val", 7, np.int8),
    DType.COMPLEX64: _fixed("scomplex_val", 9, "<c8"),
    DType.INT64: _varint("int64_val", 10, np.int64),
    DType.BOOL: _varint("bool_val", 11, np.bool_),
    DType.BFLOAT16: _varint("half_val", 13, ml_dtypes.bfloat16),
    DType.UINT16: _varint("int_val", 7, np.uint16),
    DType.COMPLEX128: _fixed("dcomplex_val", 12, "<c16"),
    DType.HALF: _varint("half_val", 13, np.float16),
    DType.UINT32: _varint("uint32_val", 16, np.uint32),
    DType.UINT64: _varint("uint64_val", 17, np.uint64),
}
"""All types except text, by number."""
NUMBERS: Final[dict[np.dtype, int]] = {kind.array: int(number) for number, kind in KINDS.items()}
HALVES: Final = (DType.BFLOAT16, DType.HALF)

QUANTIZED: Final = frozenset((11, 12, 13, 15, 16))
"""Types that TensorFlow hands to Python as plain integers."""

_OBJECT: Final = np.dtype(object)
_LABELS: Final = {DType.STRING: "string", DType.OTHER: "a type that cannot be sent"}
_RARE: Final = {
    11: "qint8",
    12: "quint8",
    13: "qint32",
    15: "qint16",
    16: "quint16",
    20: "resource",
    21: "variant",
}


def dtype_of(number: int | str) -> DType:
    """Returns the type for a number or a name such as ``DT_FLOAT``; OTHER if it cannot be sent or read."""
    try:
        return DType[number.removeprefix("DT_")] if isinstance(number, str) else DType(number)
    except (KeyError, ValueError):
        return DType.OTHER


def dtype_name(number: int) -> str:
    """Returns TensorFlow's name for a data type, as in its error messages."""
    dtype = dtype_of(number)
    return dtype.name.lower() if dtype else _RARE.get(number, f"unknown dtype enum ({number})")


def enum_name(array: np.ndarray) -> str:
    """Returns the enum name of an array's data type, such as ``DT_FLOAT``."""
    number = DType.STRING if array.dtype.kind in "OSU" else NUMBERS.get(array.dtype)
    return str(array.dtype) if number is None else f"DT_{DType(number).name}"

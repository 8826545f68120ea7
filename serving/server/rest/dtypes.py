"""The numbers and names of `tensorflow.DataType` that JSON can carry, without importing TensorFlow."""

from __future__ import annotations

from typing import Final

FLOAT: Final = 1
DOUBLE: Final = 2
INT32: Final = 3
UINT8: Final = 4
INT16: Final = 5
INT8: Final = 6
STRING: Final = 7
INT64: Final = 9
BOOL: Final = 10
UINT32: Final = 22
UINT64: Final = 23

_NAMES: Final = {
    FLOAT: "float",
    DOUBLE: "double",
    INT32: "int32",
    UINT8: "uint8",
    INT16: "int16",
    INT8: "int8",
    STRING: "string",
    8: "complex64",
    INT64: "int64",
    BOOL: "bool",
    11: "qint8",
    12: "quint8",
    13: "qint32",
    14: "bfloat16",
    15: "qint16",
    16: "quint16",
    17: "uint16",
    18: "complex128",
    19: "half",
    20: "resource",
    21: "variant",
    UINT32: "uint32",
    UINT64: "uint64",
}


def dtype_name(dtype: int) -> str:
    """TensorFlow's name of a data type, as error messages write it."""
    return _NAMES.get(dtype, f"unknown dtype enum ({dtype})")

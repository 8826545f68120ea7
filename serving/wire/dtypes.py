"""The numbers of `tensorflow.DataType`: their names, their NumPy types and the TensorProto field of their values."""

from __future__ import annotations

from typing import Final, NamedTuple

import ml_dtypes
import numpy as np

STRING: Final = 7
FLOAT: Final = 1


class Kind(NamedTuple):
    """How the elements of one data type travel.

    Args:
        field: The TensorProto field that holds them.
        number: That field's number.
        array: The NumPy type of a tensor of this data type.
        wire: The NumPy type of the field's fixed-size elements; None where they are varints.
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
    1: _fixed("float_val", 5, "<f4"),
    2: _fixed("double_val", 6, "<f8"),
    3: _varint("int_val", 7, np.int32),
    4: _varint("int_val", 7, np.uint8),
    5: _varint("int_val", 7, np.int16),
    6: _varint("int_val", 7, np.int8),
    8: _fixed("scomplex_val", 9, "<c8"),
    9: _varint("int64_val", 10, np.int64),
    10: _varint("bool_val", 11, np.bool_),
    14: _varint("half_val", 13, ml_dtypes.bfloat16),
    17: _varint("int_val", 7, np.uint16),
    18: _fixed("dcomplex_val", 12, "<c16"),
    19: _varint("half_val", 13, np.float16),
    22: _varint("uint32_val", 16, np.uint32),
    23: _varint("uint64_val", 17, np.uint64),
}
NUMBERS: Final[dict[np.dtype, int]] = {kind.array: number for number, kind in KINDS.items()}
HALVES: Final = (14, 19)

_NAMES: Final = {
    1: "DT_FLOAT", 2: "DT_DOUBLE", 3: "DT_INT32", 4: "DT_UINT8", 5: "DT_INT16", 6: "DT_INT8", 7: "DT_STRING",
    8: "DT_COMPLEX64", 9: "DT_INT64", 10: "DT_BOOL", 14: "DT_BFLOAT16", 17: "DT_UINT16", 18: "DT_COMPLEX128",
    19: "DT_HALF", 22: "DT_UINT32", 23: "DT_UINT64",
}  # fmt: skip


def enum_name(array: np.ndarray) -> str:
    """The enum name of an array's data type, such as `DT_FLOAT`."""
    if array.dtype.kind in "OSU":
        return _NAMES[STRING]
    return _NAMES.get(NUMBERS.get(array.dtype, 0), str(array.dtype))

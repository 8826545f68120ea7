from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from serving.client import AnswerError, DType
from serving.client.grpc.tensors import read_tensor, write_tensor
from serving.wire import requests_pb2


def tensor_proto(array: np.ndarray, dtype: DType) -> Any:
    proto = requests_pb2.Tensor()
    write_tensor(array, dtype, proto)
    return proto


NUMBERS = [d for d in DType if d not in (DType.OTHER, DType.STRING, DType.BFLOAT16)]


@pytest.mark.parametrize("dtype", NUMBERS, ids=lambda d: d.name)
def test_numbers_come_back_bit_by_bit(dtype: DType) -> None:
    bits = np.random.default_rng(1).integers(0, 2, 1024, np.uint8) if dtype is DType.BOOL else None
    packed = bits if bits is not None else np.random.default_rng(1).integers(0, 256, 1024, np.uint8)
    array = packed.view(dtype.numpy).reshape(2, -1)
    back = read_tensor(tensor_proto(array, dtype), "y")
    assert back.dtype == array.dtype
    assert back.shape == array.shape
    assert back.tobytes() == array.tobytes()
    assert back.flags.writeable


@pytest.mark.parametrize("shape", [(), (0,), (2, 0, 3), (4,), (2, 2)], ids=str)
def test_shapes_come_back(shape: tuple[int, ...]) -> None:
    for dtype, array in (
        (DType.FLOAT, np.ones(shape, np.float32)),
        (DType.STRING, np.full(shape, b"x", object)),
    ):
        back = read_tensor(tensor_proto(array, dtype), "y")
        assert back.shape == shape
        assert back.tolist() == array.tolist()


def proto(dtype: DType, shape: tuple[int, ...], **fields: object) -> object:
    made = requests_pb2.TensorProto(dtype=int(dtype), **fields)
    for size in shape:
        made.tensor_shape.dim.add(size=size)
    return requests_pb2.Tensor.FromString(made.SerializeToString())


@pytest.mark.parametrize(
    ("dtype", "fields", "expected"),
    [
        (DType.FLOAT, {"float_val": [1, 2]}, [1.0, 2.0]),
        (DType.DOUBLE, {"double_val": [1, 2]}, [1.0, 2.0]),
        (DType.INT8, {"int_val": [-1, 2]}, [-1, 2]),
        (DType.INT64, {"int64_val": [2**63 - 1, -(2**63)]}, [2**63 - 1, -(2**63)]),
        (DType.UINT64, {"uint64_val": [2**64 - 1, 0]}, [2**64 - 1, 0]),
        (DType.BOOL, {"bool_val": [True, False]}, [True, False]),
        (DType.HALF, {"half_val": [0x3C00, 0x4000]}, [1.0, 2.0]),
        (DType.COMPLEX64, {"scomplex_val": [0, 1, 2, 0]}, [1j, 2]),
        (DType.STRING, {"string_val": [b"a", b"\xff"]}, [b"a", b"\xff"]),
        (DType.INT32, {"int_val": [5]}, [5, 5]),
    ],
    ids=lambda v: v.name if isinstance(v, DType) else "",
)
def test_typed_fields_are_read(dtype: DType, fields: dict[str, object], expected: list[object]) -> None:
    back = read_tensor(proto(dtype, (2,), **fields), "y")
    assert back.dtype == dtype.numpy
    assert back.tolist() == expected


@pytest.mark.parametrize(
    "fields",
    [{"float_val": [0, 0, 0]}, {}, {"tensor_content": b"\0" * 16}, {"tensor_content": b"\0" * 5}],
    ids=str,
)
def test_values_that_do_not_fit_the_shape_are_refused(fields: dict[str, object]) -> None:
    with pytest.raises(AnswerError, match="output 'y'"):
        read_tensor(proto(DType.FLOAT, (2,), **fields), "y")

"""TensorProto to NumPy and back, by TensorFlow's rules; without TensorFlow."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

from serving.wire import requests_pb2, tensors, varints
from serving.wire.dtypes import KINDS
from serving.wire.tensors import TensorParsingError
from serving.wire.writer import varint

FLOAT, INT32, INT8, STRING, INT64, BOOL, HALF = 1, 3, 6, 7, 9, 10, 19


def message(dtype: int, *sizes: int, unknown_rank: bool = False, **fields: list[bytes]) -> Any:
    shape = requests_pb2.Shape(dim=[{"size": size} for size in sizes], unknown_rank=unknown_rank)
    return requests_pb2.Tensor(dtype=dtype, tensor_shape=[shape.SerializeToString()], **fields)


def floats(*values: float) -> bytes:
    return np.array(values, "<f4").tobytes()


ARRAYS = [
    np.array([[1.5, -0.0], [np.inf, 3e-38]], np.float32),
    np.array([1e300, -1.0], np.float64),
    np.array([-(2**31), -1, 0, 127, 128, 2**31 - 1], np.int32),
    np.array([0, 255], np.uint8),
    np.array([-(2**15), 2**15 - 1], np.int16),
    np.array([-128, 127], np.int8),
    np.array([-(2**63), -1, 0, 300, 2**63 - 1], np.int64),
    np.array([[True], [False]]),
    np.array([0, 2**16 - 1], np.uint16),
    np.array([0, 128, 2**32 - 1], np.uint32),
    np.array([0, 2**64 - 1], np.uint64),
    np.array([1.5, -2.0, 65504.0], np.float16),
    np.array([1.5, -2.0, 3e38], ml_dtypes.bfloat16),
    np.array([1 + 2j, -1j], np.complex64),
    np.array([1 + 2j], np.complex128),
    np.array(7, np.int64),
    np.zeros((0, 3), np.float32),
    np.zeros((2, 0), np.int32),
    np.arange(100_000, dtype=np.int64).reshape(100, 1000) * 12_345,
]


@pytest.mark.parametrize("as_content", [False, True], ids=["typed field", "content"])
@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: f"{array.dtype} {array.shape}")
def test_numbers_round_trip(array: np.ndarray, as_content: bool) -> None:
    encoded = requests_pb2.Tensor.FromString(tensors.encode(array, as_content=as_content))
    assert bool(encoded.tensor_content) is (as_content and array.size > 0)
    decoded = tensors.decode(encoded)
    assert (decoded.dtype, decoded.shape) == (array.dtype, array.shape)
    assert decoded.tobytes() == array.tobytes()


@pytest.mark.parametrize("as_content", [False, True], ids=["typed field", "content"])
def test_strings_round_trip(as_content: bool) -> None:
    array = np.array([[b"", b"\xff\x00"], [b"x" * 300, "ä".encode()]], object)
    decoded = tensors.decode(requests_pb2.Tensor.FromString(tensors.encode(array, as_content=as_content)))
    assert decoded.tolist() == array.tolist()


def test_a_view_with_strides_is_written_in_order() -> None:
    array = np.arange(6, dtype=np.float32).reshape(2, 3).T
    decoded = tensors.decode(requests_pb2.Tensor.FromString(tensors.encode(array)))
    assert decoded.tolist() == array.tolist()


def test_fewer_values_than_elements_repeat_the_last() -> None:
    decoded = tensors.decode(message(FLOAT, 2, 2, float_val=[floats(1, 2)]))
    assert decoded.tolist() == [[1, 2], [2, 2]]
    assert tensors.decode(message(STRING, 3, string_val=[b"a", b"b"])).tolist() == [b"a", b"b", b"b"]


def test_no_values_are_zeros() -> None:
    assert tensors.decode(message(FLOAT, 2)).tolist() == [0, 0]
    assert tensors.decode(message(STRING, 2)).tolist() == [b"", b""]


def test_more_values_than_elements_are_cut() -> None:
    assert tensors.decode(message(FLOAT, 1, float_val=[floats(1, 2)])).tolist() == [1]
    assert tensors.decode(message(STRING, 1, string_val=[b"a", b"b"])).tolist() == [b"a"]


def test_values_in_several_parts_are_joined() -> None:
    decoded = tensors.decode(message(FLOAT, 3, float_val=[floats(1), floats(2, 3)]))
    assert decoded.tolist() == [1, 2, 3]


def test_small_integers_wrap_as_in_c() -> None:
    packed = varints.encode(np.array([300, -1], np.int64))
    assert tensors.decode(message(INT8, 2, int_val=[packed])).tolist() == [44, -1]


@pytest.mark.parametrize(
    "broken",
    [
        message(FLOAT, -1, float_val=[floats(1)]),
        message(FLOAT, 2**62, 2**62),
        message(FLOAT, unknown_rank=True),
        message(FLOAT, *[1] * 255),
        message(FLOAT, 2**40, float_val=[floats(1)]),
        message(STRING, 2**40, string_val=[b"a"]),
        message(FLOAT, 1, float_val=[b"\0\0\0"]),
        message(FLOAT, 2, tensor_content=[b"\0" * 4]),
        message(INT64, 1, int64_val=[b"\x80"]),
        message(INT64, 1, int64_val=[b"\x80" * 10 + b"\x01"]),
        message(STRING, 2, tensor_content=[b"\x01"]),
        message(STRING, 2, tensor_content=[b"\x01\x05ab"]),
        message(STRING, 1, tensor_content=[b"\x80\x80\x80\x80\x80\x80"]),
        requests_pb2.Tensor(dtype=FLOAT, tensor_shape=[b"\xff"]),
    ],
    ids=[
        "negative size",
        "sizes overflow",
        "unknown rank",
        "255 dimensions",
        "a huge tensor of one value",
        "a huge tensor of one string",
        "a cut float",
        "content too short",
        "a cut varint",
        "an endless varint",
        "string lengths cut",
        "strings too short",
        "an endless string length",
        "no shape",
    ],
)
def test_what_tensorflow_would_not_parse(broken: Any) -> None:
    with pytest.raises(TensorParsingError):
        tensors.decode(broken)


def test_an_empty_tensor_may_have_any_other_size() -> None:
    assert tensors.decode(message(FLOAT, 0, 2**40)).shape == (0, 2**40)


@pytest.mark.parametrize(
    "values",
    [[], [0], [127, 128], [2**63, 2**64 - 1], list(range(0, 70_000, 7)), [1] * 5 + [2**35] + [0] * 5],
    ids=len,
)
def test_varints_round_trip(values: list[int]) -> None:
    packed = varints.encode(np.array(values, np.uint64))
    assert varints.decode(packed).tolist() == values
    assert packed == b"".join(map(varint, values))


def test_random_varints_round_trip() -> None:
    random = np.random.default_rng(7)
    values = random.integers(0, 2**64, 5000, np.uint64) >> random.integers(0, 64, 5000, np.uint64)
    assert (varints.decode(varints.encode(values)) == values).all()
    signed = values.view(np.int64)
    assert (varints.decode(varints.encode(signed)).view(np.int64) == signed).all()


def test_every_kind_knows_its_field() -> None:
    for kind in KINDS.values():
        assert requests_pb2.Tensor.DESCRIPTOR.fields_by_name[kind.field].number == kind.number


@pytest.mark.parametrize(
    ("dtype", "tag", "elements", "expected"),
    [
        (INT32, 7 << 3, [varint(5), varint(300)], [5, 300]),
        (FLOAT, 5 << 3 | 5, [floats(1.5), floats(-2)], [1.5, -2.0]),
        (BOOL, 11 << 3, [varint(1), varint(0)], [True, False]),
        (HALF, 13 << 3, [varint(0x3C00), varint(0x4000)], [1.0, 2.0]),
    ],
    ids=["varints", "floats", "bools", "halves"],
)
def test_elements_sent_one_by_one_are_read(
    dtype: int, tag: int, elements: list[bytes], expected: list[Any]
) -> None:
    sent = message(dtype, 2).SerializeToString() + b"".join(varint(tag) + element for element in elements)
    assert tensors.decode(requests_pb2.Tensor.FromString(sent)).tolist() == expected

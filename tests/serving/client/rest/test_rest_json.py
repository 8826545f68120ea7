from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from serving.client import AnswerError, DType, TensorInfo, UnsupportedError
from serving.client.rest.documents import loads, predict_body, read_output


def body(**inputs: np.ndarray) -> Any:
    packed = predict_body("s", inputs)
    answer = json.loads(packed)
    assert answer.pop("signature_name") == "s"
    return answer["inputs"]


@pytest.mark.parametrize("kind", ["float32", "float64", "int64", "uint64", "int8", "bool"])
def test_numbers_are_written_exactly(kind: str) -> None:
    raw = np.random.default_rng(2).integers(0, 2 if kind == "bool" else 256, 4096, np.uint8).view(kind)
    array = raw if kind[0] != "f" else raw[np.isfinite(raw)]
    for given in (array, np.asfortranarray(np.stack([array, array]))):
        assert np.array(body(x=given)["x"], kind).tobytes() == np.ascontiguousarray(given).tobytes()


@pytest.mark.parametrize("dtype", [DType.FLOAT, DType.HALF, DType.BFLOAT16], ids=lambda dtype: dtype.label)
def test_nan_and_infinity_are_written_as_tf_serving_reads_them(dtype: DType) -> None:
    packed = predict_body("s", {"x": np.array([np.nan, np.inf, -np.inf, 1], dtype.numpy)})
    assert b"[NaN,Infinity,-Infinity,1.0]" in packed


def test_text_is_text_and_bytes_are_base64() -> None:
    given = np.empty((3, 1), object)
    given[:, 0] = ["é".encode(), b"\xff", b"a\0"]
    assert body(x=given)["x"] == [["é"], [{"b64": "/w=="}], [{"b64": "YQA="}]]


def test_complex_numbers_have_no_json() -> None:
    with pytest.raises(UnsupportedError, match="grpc://"):
        predict_body("s", {"x": np.complex64([1j])})


@pytest.mark.parametrize(
    ("text", "dtype", "expected"),
    [
        ("[NaN, -Infinity, 0.2]", DType.FLOAT, [np.nan, -np.inf, np.float32(0.2)]),
        ("[16777216.0]", DType.FLOAT, [16777216.0]),
        ("[9223372036854775807]", DType.INT64, [2**63 - 1]),
        ("[18446744073709551615, 1]", DType.UINT64, [2**64 - 1, 1]),
        ("[true]", DType.BOOL, [True]),
        ('["a", {"b64": "/w=="}]', DType.STRING, [b"a", b"\xff"]),
        ("3.5", DType.DOUBLE, 3.5),
    ],
)
def test_answers_have_the_declared_type(text: str, dtype: DType, expected: object) -> None:
    made = read_output(loads(text.encode()), TensorInfo("y", dtype, None))
    assert made.dtype == dtype.numpy
    np.testing.assert_array_equal(made, np.array(expected, dtype.numpy))


def test_text_that_is_not_utf8_is_read_byte_by_byte() -> None:
    assert read_output(loads(b'["\xff\xc3"]'), TensorInfo("y", DType.STRING, None)).tolist() == [b"\xff\xc3"]


def test_an_empty_answer_keeps_the_declared_axes() -> None:
    assert read_output([], TensorInfo("y", DType.FLOAT, (-1, 3))).shape == (0, 3)


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        ([0.5], DType.INT64),
        ([True], DType.INT64),
        ([1], DType.BOOL),
        (["a"], DType.FLOAT),
        ([1], DType.STRING),
        ([{"b64": "_w=="}], DType.STRING),
        ([300], DType.UINT8),
        ([[1.0], [1.0, 2.0]], DType.FLOAT),
        ([[1], [1, 2]], DType.INT64),
        ([None], DType.FLOAT),
    ],
    ids=str,
)
def test_an_answer_of_another_type_is_refused(value: object, dtype: DType) -> None:
    with pytest.raises(AnswerError, match="output 'y'; expected"):
        read_output(value, TensorInfo("y", dtype, (-1,)))


def test_an_answer_that_is_not_json_is_refused() -> None:
    with pytest.raises(AnswerError, match="expected JSON"):
        loads(b"<html>")

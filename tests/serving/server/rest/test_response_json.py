"""Bodies of answers: the layout is TF Serving's, byte for byte."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from serving.server.rest import response_json
from serving.server.status import Code, ServingError


def f32(value: Any) -> np.ndarray:
    return np.array(value, np.float32)


def texts(*values: bytes) -> np.ndarray:
    return np.array(values, object)


@pytest.mark.parametrize(
    ("outputs", "body"),
    [
        ({"y": f32([2.5, 3, 4.5])}, '{\n    "predictions": [2.5, 3.0, 4.5\n    ]\n}'),
        ({"y": f32([[1], [2]])}, '{\n    "predictions": [[1.0], [2.0]\n    ]\n}'),
        ({"y": f32([[1, 2], [3, 4]])}, '{\n    "predictions": [[1.0, 2.0], [3.0, 4.0]\n    ]\n}'),
        ({"y": f32([[[1], [2]]])}, '{\n    "predictions": [[[1.0], [2.0]]\n    ]\n}'),
        ({"y": np.zeros((2, 0), np.float32)}, '{\n    "predictions": [[], []\n    ]\n}'),
        ({"y": np.zeros((1, 2, 0), np.int64)}, '{\n    "predictions": [[[], []]\n    ]\n}'),
        ({"y": np.array([-1, 2**63 - 1])}, '{\n    "predictions": [-1, 9223372036854775807\n    ]\n}'),
        ({"y": np.array([True, False])}, '{\n    "predictions": [true, false\n    ]\n}'),
        ({"y": f32([math.nan, math.inf, -math.inf])}, '{\n    "predictions": [NaN, Infinity, -Infinity\n    ]\n}'),
        ({"y": texts("ä\"\\\n\x1b/".encode())}, '{\n    "predictions": ["ä\\"\\\\\\n\\u001B/"\n    ]\n}'),
        ({"y_bytes": texts(b"\xff\xef")}, '{\n    "predictions": [{\n            "b64": "/+8="\n        }\n    ]\n}'),
        (
            {"a": f32([1, 2]), "b": np.array([[1, 2], [3, 4]])},
            '{\n    "predictions": [\n        {\n            "a": 1.0,\n            "b": [1, 2]\n        },\n'
            '        {\n            "a": 2.0,\n            "b": [3, 4]\n        }\n    ]\n}',
        ),
    ],
)  # fmt: skip
def test_rows(outputs: dict[str, np.ndarray], body: str) -> None:
    assert response_json.predictions(outputs).decode() == body


@pytest.mark.parametrize(
    "outputs",
    [
        {"boxes": np.zeros((0, 4), np.float32)},
        {"y": np.zeros(0, np.int64)},
        {"text_bytes": texts()},
        {"boxes": np.zeros((0, 4), np.float32), "classes": texts(), "scores": f32([])},
        {"deep": np.zeros((0, 2, 0), bool)},
    ],
)
def test_no_rows_are_an_empty_list(outputs: dict[str, np.ndarray]) -> None:
    assert response_json.predictions(outputs) == b'{\n    "predictions": []\n}'


def test_rows_without_elements_are_rows() -> None:
    assert json.loads(response_json.predictions({"y": np.zeros((2, 0), np.float32)})) == {
        "predictions": [[], []]
    }


@pytest.mark.parametrize(
    ("outputs", "body"),
    [
        ({"y": f32(0.2)}, '{\n    "outputs": 0.2\n}'),
        ({"y": f32([1, 2])}, '{\n    "outputs": [\n        1.0,\n        2.0\n    ]\n}'),
        ({"y": f32([[1]])}, '{\n    "outputs": [\n        [\n            1.0\n        ]\n    ]\n}'),
        ({"y": np.zeros((0,), np.float32)}, '{\n    "outputs": []\n}'),
        (
            {"a": f32(1), "b": np.array([2])},
            '{\n    "outputs": {\n        "a": 1.0,\n        "b": [\n            2\n        ]\n    }\n}',
        ),
    ],
)
def test_columns(outputs: dict[str, np.ndarray], body: str) -> None:
    assert response_json.columns(outputs).decode() == body


def test_base64_deep_inside_is_still_json() -> None:
    outputs = {"a_bytes": texts(b"x", b"y").reshape(2, 1), "n": np.array([1, 2])}
    assert json.loads(response_json.predictions(outputs)) == {
        "predictions": [{"a_bytes": [{"b64": "eA=="}], "n": 1}, {"a_bytes": [{"b64": "eQ=="}], "n": 2}]
    }
    assert json.loads(response_json.columns(outputs))["outputs"]["a_bytes"] == [
        [{"b64": "eA=="}],
        [{"b64": "eQ=="}],
    ]


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ({"y": f32(1)}, "Tensor name: y has no shape information "),
        ({"a": f32([]), "b": f32([1])}, "Tensor name: b has inconsistent batch size: 1 expecting: 0"),
        ({"a": f32([1]), "b": f32([])}, "Tensor name: b has inconsistent batch size: 0 expecting: 1"),
        ({"a": f32([1]), "b": f32([1, 2])}, "Tensor name: b has inconsistent batch size: 2 expecting: 1"),
        ({"y": np.array([1], np.float16)}, "Failed to write JSON value for tensor type: half"),
        ({"y": np.array([1j])}, "Failed to write JSON value for tensor type: complex128"),
        ({}, "Cannot convert empty tensor map to JSON"),
    ],
)
def test_outputs_that_rows_cannot_carry(outputs: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(ServingError) as caught:
        response_json.predictions(outputs)
    assert (caught.value.code, caught.value.message) == (Code.INVALID_ARGUMENT, message)


def test_classifications() -> None:
    body = response_json.classifications([[(b"cat", 0.75), (b"", 0.0)], []])
    assert body == b'{\n    "results": [[["cat", 0.75], ["", 0.0]], []\n    ]\n}'


def test_regressions() -> None:
    assert response_json.regressions([1.0, 0.1]) == b'{\n    "results": [1.0, 0.1]\n}'


def test_errors() -> None:
    assert response_json.error('a "b"\n') == b'{\n    "error": "a \\"b\\"\\n"\n}'
    assert json.loads(response_json.error("\ud800")) == {"error": "?"}

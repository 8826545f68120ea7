"""Predict bodies in rows and columns: what is accepted, and how the rest is refused."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from serving.server.rest.predict_request import Inputs, inputs, parse_object, signature_name
from serving.server.status import Code, ServingError
from tests.serving.server.rest.running import signature

ONE = signature({"x": "float"})
PAIR = signature({"a": "float", "b": "int64"})


def one(dtype: str, value: Any, key: str = "inputs") -> np.ndarray:
    text = value if isinstance(value, str) else json.dumps(value)
    return inputs(parse_object(f'{{"{key}": {text}}}'.encode()), signature({"x": dtype})).arrays["x"]


def refusal(dtype: str, value: Any, key: str = "inputs") -> str:
    with pytest.raises(ServingError) as caught:
        one(dtype, value, key)
    assert caught.value.code is Code.INVALID_ARGUMENT
    return caught.value.message


def read(text: str, of: Any = ONE) -> Inputs:
    return inputs(parse_object(text.encode()), of)


@pytest.mark.parametrize(
    ("dtype", "value", "expected"),
    [
        ("float", "[1, 2.5, 1e2]", np.array([1, 2.5, 100], np.float32)),
        ("float", "16777217", np.array(16777216, np.float32)),
        ("float", "18446744073709551617", np.array(2.0**64, np.float32)),
        ("float", "[1e39, -1e300]", np.array([np.inf, -np.inf], np.float32)),
        ("double", "[[1], [2]]", np.array([[1], [2]], np.float64)),
        ("int32", "[-2147483648, 2147483647]", np.array([-(2**31), 2**31 - 1], np.int32)),
        ("int64", "[-9223372036854775808, 9223372036854775807]", np.array([-(2**63), 2**63 - 1], np.int64)),
        ("uint8", "[0, 255]", np.array([0, 255], np.uint8)),
        ("bool", "[true, false]", np.array([True, False])),
        ("float", "[]", np.zeros((0,), np.float32)),
        ("float", "[[], []]", np.zeros((2, 0), np.float32)),
        ("int64", "-0", np.array(0, np.int64)),
    ],
)
def test_numbers(dtype: str, value: str, expected: np.ndarray) -> None:
    made = one(dtype, value)
    np.testing.assert_array_equal(made, expected)
    assert made.dtype == expected.dtype
    assert made.shape == expected.shape


def test_strings_and_base64() -> None:
    made = one("string", ["ä", {"b64": "/+8="}, {"b64": ""}])
    assert made.tolist() == ["ä".encode(), b"\xff\xef", b""]
    assert one("string", {"b64": "aGk="}).item() == b"hi"


@pytest.mark.parametrize(
    ("dtype", "value", "message"),
    [
        ("float", '"1"', 'JSON Value: "1" Type: String is not of expected type: float'),
        ("float", "true", "JSON Value: true Type: True is not of expected type: float"),
        ("float", "[1, false]", "JSON Value: false Type: False is not of expected type: float"),
        ("float", "null", "JSON Value: null Type: Null is not of expected type: float"),
        ("int32", "1.0", "JSON Value: 1.0 Type: Number is not of expected type: int32"),
        ("int32", "1e2", "JSON Value: 100.0 Type: Number is not of expected type: int32"),
        ("int32", "2147483648", "JSON Value: 2147483648 Type: Number is not of expected type: int32"),
        ("int64", "9223372036854775808", "JSON Value: 9223372036854775808 Type: Number is not of expected type: int64"),
        ("bool", "1", "JSON Value: 1 Type: Number is not of expected type: bool"),
        ("string", "1", "JSON Value: 1 Type: Number is not of expected type: string"),
        ("string", "null", "JSON Value: null Type: Null is not of expected type: string"),
        ("float", "[[1, 2], [3]]", "Encountered list at unexpected size: 1 at level: 1 expected size: 2"),
        ("float", "[1, [2]]", "Encountered list at unexpected level: 1 expected < 1"),
        ("float", "[[1], 2]", "JSON Value: 2 found at incorrect level: 2 in the JSON DOM. Expected at level: 2"),
        ("string", '[{"b64": "-_8="}]', "Unable to base64 decode"),
        ("string", '[{"b64": "a b="}]', "Unable to base64 decode"),
    ],
)  # fmt: skip
def test_refused_in_columns(dtype: str, value: str, message: str) -> None:
    assert refusal(dtype, value) == message


@pytest.mark.parametrize("text", ["aGVs\\nbG8=\\n", "aGVsbG8", " aGVsbG8= "])
def test_base64_may_be_wrapped_or_without_padding(text: str) -> None:
    assert one("string", f'[{{"b64": "{text}"}}]').tolist() == [b"hello"]


def test_base64_must_be_the_only_key() -> None:
    assert refusal("string", '[{"b64": 1}]').endswith("not formatted correctly for base64 data")
    assert refusal("string", '[{"b64": "", "x": 1}]').endswith("not formatted correctly for base64 data")


def test_rows_say_which_element_is_wrong() -> None:
    assert refusal("float", '[1, "a"]', "instances") == (
        "Failed to process element: 1 of 'instances' list. Error: INVALID_ARGUMENT: "
        'JSON Value: "a" Type: String is not of expected type: float'
    )
    assert "Expecting tensor size: 2 but got: 1" in refusal("float", "[[1, 2], [3]]", "instances")
    assert "Expecting shape [1,2] but got: [2,1]" in refusal("float", "[[[1, 2]], [[3], [4]]]", "instances")


def test_rows_of_objects() -> None:
    taken = read('{"instances": [{"a": 1, "b": 2}, {"b": 4, "a": 3.5}]}', PAIR)
    assert taken.rows
    assert taken.arrays["a"].tolist() == [1.0, 3.5]
    assert taken.arrays["b"].tolist() == [2, 4]


def test_rows_of_base64_for_one_input() -> None:
    taken = read('{"instances": [{"b64": "YQ=="}, "b"]}', signature({"b64": "string"}))
    assert taken.arrays["b64"].tolist() == [b"a", b"b"]


@pytest.mark.parametrize(
    ("text", "of", "message"),
    [
        ('{"instances": [1], "inputs": [1]}', ONE, "expecting only one of 'inputs' or 'instances' keys to exist "),
        ("{}", ONE, "Missing 'inputs' or 'instances' key"),
        ('{"instances": 5}', ONE, "Expecting 'instances' to be an list/array"),
        ('{"instances": []}', ONE, "No values in 'instances' array"),
        ('{"instances": [[1, 2]]}', PAIR, "instances is a plain list, but expecting list of objects as multiple input tensors required as per tensorinfo_map"),
        ('{"inputs": [[1, 2]]}', PAIR, "inputs is a plain value/list, but expecting an object as multiple input tensors required as per tensorinfo_map"),
        ('{"instances": [{"a": 1, "b": 1}, [1]]}', PAIR, "Expecting object but got list at item 1 of input list"),
        ('{"instances": [1, {"x": 1}]}', ONE, "Expecting value/list but got object at item 1 of input list"),
        ('{"instances": [{"a": 1}]}', PAIR, "keys must be equal to: a,b"),
        ('{"instances": [{"a": 1, "b": 1, "c": 1}]}', PAIR, "key: c of 'instances' list. Error: INVALID_ARGUMENT: JSON object: does not have named input: c"),
        ('{"inputs": {"a": 1}}', PAIR, "Missing named input: b in 'inputs' object."),
    ],
)  # fmt: skip
def test_refused(text: str, of: Any, message: str) -> None:
    with pytest.raises(ServingError) as caught:
        read(text, of)
    assert message in caught.value.message
    assert caught.value.code is Code.INVALID_ARGUMENT


def test_columns_may_have_extra_inputs() -> None:
    taken = read('{"inputs": {"a": [1], "b": 2, "z": null}, "other": 1}', PAIR)
    assert not taken.rows
    assert taken.arrays["b"].shape == ()


def test_types_that_json_cannot_carry() -> None:
    half = signature({"h": "half"})
    with pytest.raises(ServingError, match=r"^UNIMPLEMENTED: Conversion of JSON Value: 1 to type: half$"):
        read('{"inputs": 1}', half)
    with pytest.raises(
        ServingError, match=r"^INVALID_ARGUMENT: Failed to process element: 0 .* UNIMPLEMENTED: "
    ):
        read('{"instances": [1]}', half)


def test_long_values_are_cut_in_messages() -> None:
    message = refusal("float", json.dumps("x" * 1_000_000))
    assert len(message) < 400
    assert len(refusal("float", [["y" * 300] * 1000])) < 400


@pytest.mark.parametrize("value", ["1", "null", '["s"]', "{}"])
def test_a_signature_name_is_a_string(value: str) -> None:
    with pytest.raises(ServingError, match="'signature_name' key must be a string value"):
        signature_name(parse_object(f'{{"signature_name": {value}}}'.encode()))

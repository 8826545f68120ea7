from __future__ import annotations

import numpy as np
import pytest

from serving.client import InputError
from serving.client.inputs.examples import example, example_json, examples, serialized
from serving.wire import client_pb2


def kinds(
    row: dict[str, object], wanted: dict[str, str] | None = None
) -> dict[str, tuple[str, list[object]]]:
    return {name: (f.kind, list(f.values)) for name, f in example(row, wanted).items()}


def test_values_choose_the_kind_of_a_feature() -> None:
    row = {
        "a": "é",
        "b": b"\xff",
        "c": 3,
        "d": True,
        "e": 2.0,
        "f": [1, 2.5],
        "g": np.float32([0.5]),
        "h": np.int8(4),
    }
    assert kinds(row) == {
        "a": ("bytes", ["é".encode()]),
        "b": ("bytes", [b"\xff"]),
        "c": ("int64", [3]),
        "d": ("int64", [1]),
        "e": ("float", [2.0]),
        "f": ("float", [1.0, 2.5]),
        "g": ("float", [0.5]),
        "h": ("int64", [4]),
    }


def test_missing_values_are_left_out() -> None:
    assert kinds({"a": None, "b": [], "c": [None], "d": [1, None]}) == {"d": ("int64", [1])}


def test_a_whole_number_becomes_a_float_where_the_model_reads_floats() -> None:
    assert kinds({"x": 2}, {"x": "float"}) == {"x": ("float", [2.0])}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (["a", 1], "int, str"),
        ([[1]], "list"),
        (2**63, "64 bits"),
        (1e39, "float32"),
        ({"b64": ""}, "dict"),
    ],
)
def test_values_that_no_feature_can_hold_are_refused(value: object, said: str) -> None:
    with pytest.raises(InputError, match=rf"feature 'x'.*{said}"):
        example({"x": value})


def test_a_kind_that_the_model_does_not_read_is_refused() -> None:
    with pytest.raises(InputError, match="feature 'x'; expected values of kind int64; seen: float"):
        example({"x": 1.5}, {"x": "int64"})


def test_serialized_examples_are_read_back() -> None:
    [packed] = serialized(examples({"a": ["x", "y"], "b": [-1, 2], "c": 0.5}))
    feature = client_pb2.Example.FromString(packed).features.feature
    assert list(feature["a"].bytes_list.value) == [b"x", b"y"]
    assert list(feature["b"].int64_list.value) == [-1, 2]
    assert list(feature["c"].float_list.value) == [0.5]


def test_json_keeps_floats_floats_and_bytes_bytes() -> None:
    made = example_json(example({"a": "é", "b": b"\xff\x00", "c": 2.0, "d": [1, 2]}))
    assert made == {"a": "é", "b": {"b64": "/wA="}, "c": 2.0, "d": [1, 2]}


def test_no_rows_are_refused() -> None:
    with pytest.raises(InputError, match="at least one row"):
        examples([])

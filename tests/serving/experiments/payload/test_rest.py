"""Features and outputs of JSON bodies."""

from __future__ import annotations

import base64
import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.experiments.payload import features, outputs, read


def rows(document: object, method: str = "predict") -> tuple[int, dict[str, list[object]]]:
    got = read.request("rest", method, json.dumps(document).encode())
    return got.count, got.columns


@pytest.mark.parametrize(
    ("document", "count", "columns"),
    [
        pytest.param({"instances": [{"x": 1, "y": "a"}, {"x": 2.5, "y": "b"}]}, 2, {"x": [1, 2.5], "y": ["a", "b"]}, id="objects"),
        pytest.param({"instances": [{"x": [1.0]}, {"x": [2.0]}]}, 2, {"x": [1.0, 2.0]}, id="lists-of-one"),
        pytest.param({"instances": [1, 2]}, 2, {"": [1, 2]}, id="values"),
        pytest.param({"instances": [[1, 2], [3, 4]]}, 2, {"": [[1, 2], [3, 4]]}, id="lists"),
        pytest.param({"instances": [{"b64": "/wA="}]}, 1, {"": [b"\xff\x00"]}, id="b64"),
        pytest.param({"instances": [{"x": {"b64": "YQ=="}}]}, 1, {"x": ["a"]}, id="b64-text"),
        pytest.param({"inputs": {"x": [1, 2], "y": [[3], [4]]}}, 2, {"x": [1, 2], "y": [3, 4]}, id="columns"),
        pytest.param({"inputs": [1, 2, 3]}, 3, {"": [1, 2, 3]}, id="one-column"),
        pytest.param({"inputs": {"x": [1, 2, 3], "y": [1, 2]}}, 1, {"x": [[1, 2, 3]], "y": [[1, 2]]}, id="uneven"),
        pytest.param({"inputs": {"x": [1, 2], "flag": True}}, 2, {"x": [1, 2], "flag": [True, True]}, id="scalar"),
        pytest.param({"inputs": {"b64": "YQ=="}}, 1, {"": ["a"]}, id="one-b64"),
        pytest.param({"instances": [{"x": 1}, {"y": 2}]}, 2, {"x": [1, None], "y": [None, 2]}, id="missing"),
    ],
)  # fmt: skip
def test_bodies_of_predict(document: object, count: int, columns: dict[str, list[object]]) -> None:
    assert rows(document) == (count, columns)


def test_examples_with_a_context() -> None:
    document = {
        "signature_name": "s",
        "context": {"c": "DE", "a": 1},
        "examples": [{"a": 2}, {"b": [0.5, 1.5]}],
    }
    assert rows(document, "regress") == (2, {"c": ["DE", "DE"], "a": [2, 1], "b": [None, [0.5, 1.5]]})
    assert read.request("rest", "classify", json.dumps(document).encode()).signature == "s"


def test_serialized_examples_are_opened() -> None:
    from tests.serving.experiments.payload.test_protobuf import example

    document = {"instances": [{"b64": base64.b64encode(example(age=31)).decode()}]}
    assert rows(document) == (1, {"age": [31]})


def test_features_by_name() -> None:
    body = b'{"instances": [{"user": "u1", "x": 1}, {"user": "u2", "x": 2}]}'
    assert features("rest", "predict", body, ["user", "other"]) == {"user": "u1"}


@pytest.mark.parametrize(
    ("method", "body", "expected"),
    [
        ("predict", '{"predictions": [[0.5], [0.25]]}', {"": [0.5, 0.25]}),
        ("predict", '{"predictions": [{"a": 1.0, "b": ["x", "y"]}]}', {"a": [1.0], "b": [["x", "y"]]}),
        ("predict", '{"outputs": {"a": [1, 2], "b": [3, 4]}}', {"a": [1, 2], "b": [3, 4]}),
        (
            "classify",
            '{"results": [[["a", 0.5], ["b", 0.5]]]}',
            {"classes": [["a", "b"]], "scores": [[0.5, 0.5]]},
        ),
        ("regress", '{"results": [1.5, 2.5]}', {"value": [1.5, 2.5]}),
    ],
)
def test_answers(method: str, body: str, expected: dict[str, list[object]]) -> None:
    assert read.response("rest", method, body.encode()).columns == expected


def test_nan_and_infinity_are_read() -> None:
    got = read.response("rest", "predict", b'{"predictions": [NaN, -Infinity]} trailing').columns[""]
    assert math.isnan(got[0]) and got[1] == -math.inf


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["b64", "x", "y"]), inner, max_size=3)),
    max_leaves=12,
)  # fmt: skip


@given(st.sampled_from(["instances", "inputs", "examples", "context", "predictions", "results"]), JSON, JSON)
@settings(max_examples=300, deadline=None)
def test_any_json_is_read_without_an_error(key: str, value: object, other: object) -> None:
    body = json.dumps({key: value, "examples": other}).encode()
    for method in ("predict", "classify", "regress"):
        for got in (read.request("rest", method, body), read.response("rest", method, body)):
            assert len({len(values) for values in got.columns.values()}) <= 1
        assert isinstance(outputs("rest", method, body), dict)


def test_deep_nesting_and_long_numbers_are_no_error() -> None:
    assert features("rest", "predict", b'{"instances": ' + b"[" * 200_000) == {}
    assert features("rest", "predict", b'{"instances": [' + b"9" * 10_000 + b"]}") in ({}, {"": math.inf})

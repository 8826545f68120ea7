"""Classify and regress bodies; an integration test compares the results with TensorFlow's own messages."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from serving.server.rest.example_request import examples
from serving.server.status import Code, ServingError


def test_one_small_example() -> None:
    # Example{features{feature{key: "x" value{int64_list{value: [3]}}}}}
    assert examples({"examples": [{"x": 3}]}) == [b"\n\x0c\n\n\n\x01x\x12\x05\x1a\x03\n\x01\x03"]


def test_the_context_comes_before_every_example() -> None:
    alone = examples({"examples": [{"x": 1}, {"x": 2}]})
    context = examples({"examples": [{"c": "a"}]})[0]
    assert examples({"context": {"c": "a"}, "examples": [{"x": 1}, {"x": 2}]}) == [
        context + one for one in alone
    ]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({}, "key 'examples' is expected and was not found"),
        ({"examples": {}}, "Expecting 'examples' value to be an list/array"),
        ({"examples": []}, "'examples' value is an empty array"),
        ({"examples": [1]}, "Example must be JSON object but got JSON Number"),
        ({"context": [], "examples": [{}]}, "Example must be JSON object but got JSON Array"),
        ({"examples": [{"x": None}]}, "Feature: x has element with unexpected JSON type: Null"),
        ({"examples": [{"x": [[1]]}]}, "Feature: x has element with unexpected JSON type: Array"),
        ({"examples": [{"x": {"y": 1}}]}, "Feature: x has element with unexpected JSON type: Object"),
        ({"examples": [{"x": [1, 2.0]}]}, "Unexpected element type in feature: x expecting type: int64"),
        ({"examples": [{"x": ["a", 1]}]}, "Unexpected element type in feature: x expecting type: bytes"),
        ({"examples": [{"x": 2**63}]}, "Feature: x has uint64 element. Only int64 is supported."),
        ({"examples": [{"x": {"b64": "?"}}]}, "Unable to base64 decode"),
    ],
)
def test_refused(document: dict[str, Any], message: str) -> None:
    with pytest.raises(ServingError) as caught:
        examples(document)
    assert caught.value.code is Code.INVALID_ARGUMENT
    assert caught.value.message.endswith(message)


@pytest.mark.integration
def test_tensorflow_reads_what_was_written() -> None:
    from tensorflow.core.example import example_pb2

    document = orjson.loads(
        '{"context": {"c": true}, "examples": [{"f": [1.5, 2.0], "i": [-1, 300, 9223372036854775807],'
        ' "s": ["ä", {"b64": "/w=="}], "empty": []}]}'
    )
    message = example_pb2.Example.FromString(examples(document)[0])
    features = message.features.feature
    assert list(features["f"].float_list.value) == [1.5, 2.0]
    assert list(features["i"].int64_list.value) == [-1, 300, 2**63 - 1]
    assert list(features["s"].bytes_list.value) == ["ä".encode(), b"\xff"]
    assert list(features["c"].int64_list.value) == [1]
    assert features["empty"].WhichOneof("kind") is None

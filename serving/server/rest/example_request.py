"""The body of a ``:classify`` or ``:regress`` request: JSON objects to serialized ``tf.Example``s."""

from __future__ import annotations

from typing import Any, Final

from serving.server.rest.debug_text import debug_text, type_name
from serving.server.rest.json_tensors import decode_b64, is_b64
from serving.server.rest.work import still_wanted
from serving.server.status import Code, ServingError
from serving.wire import client_pb2

_BYTES: Final = "bytes"
_FLOAT: Final = "float"
_INT64: Final = "int64"


def examples(document: dict[str, Any]) -> list[bytes]:
    """Returns a request's serialized examples; a context becomes part of each.

    Args:
        document: The request body.

    Raises:
        ServingError: INVALID_ARGUMENT in TF Serving's words.
    """
    context = _example(document["context"]) if "context" in document else b""
    if "examples" not in document:
        raise _invalid(
            f"JSON Value: {debug_text(document)} When method is classify, key 'examples' is expected and was not found"
        )
    items = document["examples"]
    if type(items) is not list:
        raise _invalid(f"JSON Value: {debug_text(document)} Expecting 'examples' value to be an list/array")
    if not items:
        raise _invalid(f"JSON Value: {debug_text(document)} 'examples' value is an empty array")
    return [context + _example(item) for item in items]


def _example(item: Any) -> bytes:
    still_wanted()
    if type(item) is not dict:
        raise _invalid(f"Example must be JSON object but got JSON {type_name(item)}")
    example = client_pb2.Example()
    for name, value in item.items():
        _fill(example.features.feature[name], name, value)
    packed: bytes = example.SerializeToString()
    return packed


def _fill(feature: Any, name: str, value: Any) -> None:
    values = value if type(value) is list else [value]
    if not values:
        return
    kind = _kind(name, values[0])
    for other in values:
        if _kind(name, other) != kind:
            raise _invalid(f"Unexpected element type in feature: {name} expecting type: {kind}")
    if kind == _FLOAT:
        feature.float_list.value.extend(values)
    elif kind == _INT64:
        feature.int64_list.value.extend(map(int, values))  # true is 1
    else:
        feature.bytes_list.value.extend(v.encode() if type(v) is str else decode_b64(v) for v in values)


def _kind(name: str, value: Any) -> str:
    """Returns the list of a feature for a JSON value; numbers with a point or exponent are floats."""
    kind = type(value)
    if kind is float:
        return _FLOAT
    if kind is bool:
        return _INT64
    if kind is int:
        if value >= 2**63:
            raise _invalid(f"Feature: {name} has uint64 element. Only int64 is supported.")
        return _INT64
    if kind is str or is_b64(value):
        return _BYTES
    raise _invalid(f"Feature: {name} has element with unexpected JSON type: {type_name(value)}")


def _invalid(text: str) -> ServingError:
    return ServingError(Code.INVALID_ARGUMENT, text)

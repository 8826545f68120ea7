"""The body of a ``:classify`` or ``:regress`` request: JSON objects as serialized ``tf.Example``s.

The few fields of ``tf.Example`` are written in protobuf's wire format here, so that nothing of
TensorFlow is needed to read a request.
"""

from __future__ import annotations

from array import array
from typing import Any, Final

from serving.server.rest.debug_text import debug_text, type_name
from serving.server.rest.json_tensors import decode_b64, is_b64
from serving.server.status import Code, ServingError
from serving.wire.writer import delimited, varint

_BYTES: Final = "bytes"
_FLOAT: Final = "float"
_INT64: Final = "int64"
_FIELDS: Final = {_BYTES: 1, _FLOAT: 2, _INT64: 3}
"""The field of each list in ``tf.train.Feature``."""


def examples(document: dict[str, Any]) -> list[bytes]:
    """Makes the serialized examples of a request; a context is part of each of them.

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
    if type(item) is not dict:
        raise _invalid(f"Example must be JSON object but got JSON {type_name(item)}")
    features = b"".join(
        delimited(1, delimited(1, name.encode()) + delimited(2, _feature(name, value)))
        for name, value in item.items()
    )
    return delimited(1, features)


def _feature(name: str, value: Any) -> bytes:
    values = value if type(value) is list else [value]
    if not values:
        return b""
    kind = _kind(name, values[0])
    for other in values:
        if _kind(name, other) != kind:
            raise _invalid(f"Unexpected element type in feature: {name} expecting type: {kind}")
    return delimited(_FIELDS[kind], _list(kind, values))


def _kind(name: str, value: Any) -> str:
    """Returns the list of a feature that a JSON value goes to: numbers with point or exponent are floats."""
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


def _list(kind: str, values: list[Any]) -> bytes:
    if kind == _FLOAT:
        packed = array("f", values)
        return delimited(1, packed.tobytes())
    if kind == _INT64:
        return delimited(1, b"".join(varint(int(value) & (2**64 - 1)) for value in values))
    return b"".join(
        delimited(1, value.encode() if type(value) is str else decode_b64(value)) for value in values
    )


def _invalid(text: str) -> ServingError:
    return ServingError(Code.INVALID_ARGUMENT, text)

"""Serialized ``tf.Example``s as rows: in Classify and Regress, and in the text inputs of Predict."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from serving.experiments.payload.rows import Rows, cell, gathered, text

_TEXTS: Final = frozenset((str, bytes))


@cache
def _message() -> tuple[Any, type[Exception]]:
    from google.protobuf.message import DecodeError

    from serving.wire.client_pb2 import Example

    return Example, DecodeError


def read(serialized: bytes) -> dict[str, Any]:
    """Returns the features of an Example by name.

    Raises:
        google.protobuf.message.DecodeError: It is not one.
    """
    return _features(_message()[0].FromString(serialized))


def recognised(values: list[Any]) -> list[dict[str, Any]] | None:
    """Returns the features of each Example if any of these texts is one; None if none is.

    A model may take Examples as an input of Predict. What is logged follows the privacy rules of their features, so they
    have to be found inside; what stands among them and is none has no features.
    """
    found = [_recognised(value) for value in values]
    return [one or {} for one in found] if any(found) else None


def _recognised(value: Any) -> dict[str, Any]:
    raw = value.encode("utf-8", "replace") if isinstance(value, str) else value
    if not isinstance(raw, bytes) or raw[:1] != b"\n":
        return {}
    example, error = _message()
    try:
        return _features(example.FromString(raw))
    except error:
        return {}


def opened(rows: Rows) -> Rows:
    """Replaces inputs that hold serialized Examples by the features inside."""
    for name, values in list(rows.columns.items()):
        inside = None if _TEXTS.isdisjoint(map(type, values)) else recognised(values)
        if inside is not None:
            del rows.columns[name]
            rows.columns = {**gathered(inside), **rows.columns}
    return rows


def _features(message: Any) -> dict[str, Any]:
    return {name: _values(feature) for name, feature in message.features.feature.items()}


def _values(feature: Any) -> Any:
    if feature.bytes_list.value:
        return cell([text(value) for value in feature.bytes_list.value])
    # Of the other two, one at most holds values.
    return cell(list(feature.float_list.value or feature.int64_list.value))

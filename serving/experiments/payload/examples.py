"""Serialized ``tf.Example``s as rows: in Classify and Regress, and in the text inputs of Predict."""

from __future__ import annotations

from functools import cache
from typing import Any

from serving.experiments.payload.rows import Rows, cell, gathered, text


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
    """Returns the features of each Example if that is what all these bytes are; None if any is something else.

    A model may take Examples as an input of Predict. What is logged follows the privacy rules of their features, so they
    have to be found inside.
    """
    found = []
    example, error = _message()
    for value in values:
        raw = value.encode() if isinstance(value, str) else value
        if not isinstance(raw, bytes) or raw[:1] != b"\n":
            return None
        try:
            message = example.FromString(raw)
        except error:
            return None
        if not message.features.feature:
            return None
        found.append(_features(message))
    return found or None


def opened(rows: Rows) -> Rows:
    """Replaces inputs that hold serialized Examples by the features inside."""
    for name, values in list(rows.columns.items()):
        inside = recognised(values) if values and isinstance(values[0], str | bytes) else None
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

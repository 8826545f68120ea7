"""Fields taken from documents: settings, feature names and types."""

from __future__ import annotations

from typing import Literal

from foundation.config import Config

ID = "_id"
"""The field that tells documents apart."""

FieldType = Literal["int", "float", "string", "bool", "date", "bytes", "objectid_time"]

_NUMBERS = {"int", "float", "decimal", "bool", "number"}
"""``number`` is an int or a float in a column that is read as a whole."""
_NEVER_VALUES = {"null", "document", "array", "blocked", "minkey", "maxkey"}
"""Kinds that no type takes: they say nothing about the type of the others."""


class FieldConfig(Config):
    """One field of the documents and the feature it becomes."""

    to: str | None = None
    """Name of the feature; by default the dotted path with dots as underscores."""
    type: FieldType | None = None
    """Type of the feature: int and bool become int64, date becomes int64 epoch milliseconds, float becomes float32,
    objectid_time the time inside an ObjectId as int64 epoch milliseconds; by default found in the documents."""
    list: bool | None = None
    """Whether the field is an array (ragged feature); by default found in the documents."""


def feature_name(path: str, field: FieldConfig) -> str:
    """Returns the feature that a dotted path becomes."""
    return field.to or path.replace(".", "_")


def widest(kinds: set[str]) -> FieldType | None:
    """Returns the type that holds all kinds: int and float give float, anything mixed with text gives string."""
    kinds = kinds - _NEVER_VALUES
    if not kinds:
        return None
    if kinds == {"bool"}:
        return "bool"
    if kinds <= {"int", "bool"}:
        return "int"
    if kinds <= _NUMBERS:
        return "float"
    if kinds <= {"date", "timestamp"}:
        return "date"
    return "bytes" if kinds == {"binary"} else "string"

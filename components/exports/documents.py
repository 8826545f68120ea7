"""Parses JSON and BSON documents and finds the value at a dotted path."""

from __future__ import annotations

from typing import Any

import bson
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.dbref import DBRef
from bson.errors import BSONError

from components.exports import extended_json
from components.exports.extended_json import ExtendedJsonError
from components.exports.formats.base import BadDocumentError
from components.exports.formats.json_grammar import is_shell_syntax


class _Missing:
    def __repr__(self) -> str:
        return "MISSING"


MISSING: Any = _Missing()
"""The path does not exist in the document."""
BLOCKED: Any = _Missing()
"""The path leads through a value that is not a document."""

_MOST_PARTS = 2
"""No wrapper of Extended JSON has more keys."""

BSON_OPTIONS = CodecOptions(datetime_conversion=DatetimeConversion.DATETIME_MS, tz_aware=False)


def from_json(raw: bytes) -> dict[str, Any]:
    """Parses Extended JSON without unwrapping leaves.

    Raises:
        BadDocumentError: The text is not Extended JSON.
    """
    try:
        return extended_json.parse(raw)
    except ExtendedJsonError as error:
        shell = str(error) == extended_json.NOT_JSON and is_shell_syntax(raw)
        raise BadDocumentError("mongo shell syntax, which is not JSON" if shell else str(error)) from error


def from_bson(raw: bytes) -> dict[str, Any]:
    """Decodes BSON.

    Raises:
        BadDocumentError: The bytes are not BSON.
    """
    try:
        return bson.decode(raw, BSON_OPTIONS)
    except (BSONError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise BadDocumentError("not BSON") from error


def value_at(document: dict[str, Any], parts: tuple[str, ...], wrapped: bool) -> Any:
    """Returns the value at a path; through an array of documents, the list of their values.

    Args:
        document: A parsed document.
        parts: The dotted path, split.
        wrapped: Whether leaves are still Extended JSON and must be unwrapped.

    Returns:
        The value, ``MISSING`` or ``BLOCKED``.

    Raises:
        BadDocumentError: The value at the path holds a malformed wrapper, or is nested too deeply.
    """
    value: Any = document
    for place, part in enumerate(parts):
        if place:  # the top level is neither a wrapper nor a DBRef
            value = as_document(value, wrapped)
        if isinstance(value, dict):
            if part not in value:
                return MISSING
            value = value[part]
        elif isinstance(value, list):
            return _through_array(value, parts[place:], wrapped)
        else:
            return MISSING if value is None else BLOCKED
    if wrapped and isinstance(value, (dict, list)):
        try:
            return extended_json.decode_value(value)
        except ExtendedJsonError as error:
            raise BadDocumentError(str(error)) from error
    if not wrapped and is_too_deep(value):
        raise BadDocumentError(extended_json.TOO_DEEP)
    return value


def as_document(value: Any, wrapped: bool) -> Any:
    """Returns what a path leads through as BSON has it, whatever the format.

    The driver decodes a DBRef, and a DBPointer, to a class of its own: it becomes the document that it is. A wrapper of
    Extended JSON looks like a document and is none.
    """
    if (
        wrapped
        and isinstance(value, dict)
        and len(value) <= _MOST_PARTS
        and not extended_json.WRAPPER_KEYS.isdisjoint(value)
    ):
        try:
            value = extended_json.decode_value(value)
        except ExtendedJsonError:
            return value  # malformed wrappers in values that are not read are ignored
    return dict(value.as_doc()) if isinstance(value, DBRef) else value


def is_too_deep(value: Any) -> bool:
    """Returns whether a value has more levels than are read; without recursion, which has a limit of its own."""
    level = [value] if isinstance(value, (dict, list)) else []
    for _ in range(extended_json.MOST_LEVELS):
        if not level:
            return False
        inner = (item for one in level for item in (one.values() if isinstance(one, dict) else one))
        level = [item for item in inner if isinstance(item, (dict, list))]
    return bool(level)


def _through_array(items: list[Any], parts: tuple[str, ...], wrapped: bool) -> list[Any]:
    found: list[Any] = []
    for raw in items:
        item = as_document(raw, wrapped)
        value = (
            value_at(item, parts, wrapped) if isinstance(item, dict) else None if item is None else BLOCKED
        )
        if isinstance(value, list):
            found += value
        else:
            found.append(None if value is MISSING else value)
    return found

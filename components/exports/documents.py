"""One raw document, in any format, as a Python dictionary; and the value at a dotted path in it."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

import bson
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.errors import BSONError

from components.exports import extended_json
from components.exports.blocks import MAX_TEXT_DOCUMENT, Block
from components.exports.extended_json import ExtendedJsonError


class BadDocumentError(ValueError):
    """A document cannot be read; the message is the reason and holds no value of it."""


class _Missing:
    def __repr__(self) -> str:
        return "MISSING"


MISSING: Any = _Missing()
"""The path does not exist in the document."""
BLOCKED: Any = _Missing()
"""The path leads through a value that is no document."""

csv.field_size_limit(MAX_TEXT_DOCUMENT)  # a cell may hold a whole array; Python's own limit is 128 KiB
BSON_OPTIONS = CodecOptions(datetime_conversion=DatetimeConversion.DATETIME_MS, tz_aware=False)


def decoder(kind: str, block: Block) -> tuple[Callable[[bytes], dict[str, Any]], bool]:
    """Returns how documents of a block are parsed, and whether their leaves are still Extended JSON.

    The function raises ``BadDocumentError``.
    """
    if kind == "bson":
        return _from_bson, False
    if kind == "csv":
        return lambda raw: _from_csv(raw, block.header), False
    return _from_json, True


def _from_json(raw: bytes) -> dict[str, Any]:
    try:
        return extended_json.parse(raw)
    except ExtendedJsonError as error:
        raise BadDocumentError(str(error)) from error


def _from_bson(raw: bytes) -> dict[str, Any]:
    try:
        return bson.decode(raw, BSON_OPTIONS)
    except (BSONError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise BadDocumentError("not BSON") from error


def _from_csv(raw: bytes, header: tuple[str, ...]) -> dict[str, Any]:
    try:
        cells = next(csv.reader(io.StringIO(raw.decode("utf-8"), newline=""), strict=True))
    except UnicodeDecodeError as error:
        raise BadDocumentError("not UTF-8") from error
    except (csv.Error, StopIteration) as error:
        raise BadDocumentError("not CSV") from error
    if len(cells) != len(header):
        raise BadDocumentError("another number of columns than the header")
    document: dict[str, Any] = {}
    for name, cell in zip(header, cells, strict=True):
        if cell != "":  # mongoexport writes both null and missing as an empty cell
            _put(document, name.split("."), _cell(cell))
    return document


def _put(document: dict[str, Any], parts: list[str], value: Any) -> None:
    for part in parts[:-1]:
        inner = document.setdefault(part, {})
        if not isinstance(inner, dict):
            return
        document = inner
    document[parts[-1]] = value


def _cell(cell: str) -> Any:
    """Arrays, documents and ObjectIds are written as text in CSV; anything else stays text for the field's type."""
    if cell.startswith("ObjectId(") and cell.endswith(")"):
        return cell[9:-1].strip("\"'")
    if cell[0] in "[{":
        try:
            return extended_json.decode_value(extended_json.parse(b'{"v":' + cell.encode() + b"}")["v"])
        except ExtendedJsonError:
            return cell
    return cell


def value_at(document: dict[str, Any], parts: tuple[str, ...], wrapped: bool) -> Any:
    """Returns the value at a path; through arrays of documents it is the list of their values.

    Args:
        document: A parsed document.
        parts: The dotted path, split.
        wrapped: Whether leaves are still Extended JSON and shall be unwrapped.

    Returns:
        The value, ``MISSING`` or ``BLOCKED``.

    Raises:
        BadDocumentError: The value at the path holds a malformed wrapper.
    """
    value: Any = document
    for place, part in enumerate(parts):
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
    return value


def _through_array(items: list[Any], parts: tuple[str, ...], wrapped: bool) -> list[Any]:
    found: list[Any] = []
    for item in items:
        value = (
            value_at(item, parts, wrapped) if isinstance(item, dict) else None if item is None else BLOCKED
        )
        if isinstance(value, list):
            found += value
        else:
            found.append(None if value is MISSING else value)
    return found

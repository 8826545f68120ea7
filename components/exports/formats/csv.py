"""CSV with a header, as ``mongoexport --type=csv`` writes it."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from typing import IO, Any

from components.exports.formats import base
from components.exports.formats.base import (
    BOM,
    MAX_TEXT_DOCUMENT,
    BadDocumentError,
    Block,
    Format,
    Part,
)
from components.exports.streams import read_guarded
from foundation.errors import DataError
from foundation.storage import Location

_OBJECTID = re.compile(r"ObjectId\([\"']?([0-9a-fA-F]{24})[\"']?\)", re.ASCII)

csv.field_size_limit(MAX_TEXT_DOCUMENT)  # a cell may hold a whole array; Python's own limit is 128 KiB


def _blocks(stream: IO[bytes], path: Location, part: Part) -> Iterator[Block]:
    first, offset = _record(stream, path)
    header = _header(first.removeprefix(BOM), part)
    documents, offsets, size = [], [], 0
    while True:
        record, length = _record(stream, path)
        if record.strip():
            documents.append(record)
            offsets.append(offset)
            size += length
        offset += length
        if documents and (size > base.BLOCK_BYTES or not length):
            yield Block(documents, offsets[0], offsets, header)
            documents, offsets, size = [], [], 0
        if not length:
            return


def _header(record: bytes, part: Part) -> tuple[str, ...]:
    try:
        return tuple(next(csv.reader([record.decode("utf-8")])))
    except (UnicodeDecodeError, csv.Error, StopIteration) as error:
        raise DataError(
            f"export file {part.name}",
            expected="a first line with the names of the columns, in UTF-8",
            seen="none that can be read",
            remedy="export with mongoexport --type=csv --fields=…, without --noHeaderLine",
        ) from error


def _record(stream: IO[bytes], path: Location) -> tuple[bytes, int]:
    """Reads one CSV record, which may hold newlines inside quotes; returns it without its line end, and its length."""
    record = line = read_guarded(stream, 0, path, line=True)
    while line and record.count(b'"') % 2 and len(record) < MAX_TEXT_DOCUMENT:
        line = read_guarded(stream, 0, path, line=True)
        record += line
    return record.rstrip(b"\r\n"), len(record)


def _from_csv(raw: bytes, header: tuple[str, ...]) -> dict[str, Any]:
    try:
        cells = next(csv.reader(io.StringIO(raw.decode("utf-8"), newline=""), strict=True))
    except UnicodeDecodeError as error:
        raise BadDocumentError("not UTF-8") from error
    except (csv.Error, StopIteration) as error:
        raise BadDocumentError("not CSV") from error
    if len(cells) != len(header):
        raise BadDocumentError("column count differs from the header")
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
    """Parses arrays, documents and ObjectIds, which CSV holds as text; other cells are left to the field's type."""
    if found := _OBJECTID.fullmatch(cell):
        return found[1].lower()
    if cell[0] in "[{":
        from components.exports.extended_json import (
            ExtendedJsonError,
            decode_value,
            parse_value,
        )  # loads bson

        try:
            return decode_value(parse_value(cell.encode()))
        except ExtendedJsonError:
            return cell
    return cell


CSV = Format(
    "csv",
    "CSV with a header",
    recognises=lambda head: b"," in head.lstrip().split(b"\n")[0] and b"\x00" not in head,
    blocks=_blocks,
    decoder=lambda block: (lambda raw: _from_csv(raw, block.header), False),
    encoding="text",
    suffix="csv",
)

"""CSV with a header, as ``mongoexport --type=csv`` writes it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import IO, Any

from components.exports.formats.base import BOM, BadDocumentError, Block, Format, Parse, Part
from components.exports.formats.csv_records import RecordCutter, cells_of, first_record
from components.exports.formats.window import Window
from foundation.errors import DataError
from foundation.storage import Location

_OBJECTID = re.compile(r"ObjectId\([\"']?([0-9a-fA-F]{24})[\"']?\)", re.ASCII)
_OTHER_SEPARATORS = {b";": "semicolons", b"\t": "tabs", b"|": "bars"}
_REMEDY = (
    "export with mongoexport --type=csv, or write it with commas: python -c "
    '"import csv, sys; csv.writer(sys.stdout).writerows(csv.reader(sys.stdin, delimiter={!r}))" < FILE'
)


def _recognises(head: bytes) -> bool:
    line = head.lstrip().splitlines()[0]
    return b"," in line and b"\x00" not in line  # a cell may hold NUL, a name cannot


def _blocks(stream: IO[bytes], path: Location, part: Part) -> Iterator[Block]:
    window = Window(stream, path)
    lead = _take_header(window, part)
    header = _header(lead, part)
    return window.blocks(RecordCutter(len(header)).cut, Block([], 0, header=header, lead=lead), by_line=True)


def _take_header(window: Window, part: Part) -> bytes:
    """Takes the first record with content off a window."""
    while not window.ended:
        window.fill()
        text = window.lines()
        blank = len(text) - len(text.removeprefix(BOM).lstrip())
        record = first_record(text[blank:])
        if record and (window.ended or blank + len(record) < len(text)):
            lead = text[: blank + len(record)]
            window.drop(len(lead))
            return lead
    raise _no_header(part)


def _header(record: bytes, part: Part) -> tuple[str, ...]:
    names = cells_of(record.removeprefix(BOM).strip(b"\r\n"))
    if not names:
        raise _no_header(part)
    other = other_separator(record) if len(names) == 1 else None
    if other:
        name = f"export file {part.name}"
        raise DataError(name, expected="columns that are separated by commas", seen=other[0], remedy=other[1])
    return tuple(names)


def other_separator(head: bytes) -> tuple[str, str] | None:
    """Returns what separates the columns of a text if it is no comma but something else that is common, and the remedy."""
    lines = head.lstrip().splitlines()[:20]
    for mark, name in _OTHER_SEPARATORS.items():
        if lines and mark in lines[0] and b"," not in lines[0]:
            same = sum(line.count(mark) == lines[0].count(mark) for line in lines)
            if 2 * same > len(lines):
                return f"columns that are separated by {name}", _REMEDY.format(mark.decode())
    return None


def _no_header(part: Part) -> DataError:
    return DataError(
        f"export file {part.name}",
        expected="a first line with the names of the columns, in UTF-8",
        seen="none that can be read",
        remedy="export with mongoexport --type=csv --fields=…, without --noHeaderLine",
    )


def decoder(block: Block) -> tuple[Parse, bool]:
    """Returns the parser of a block's records; their values are text."""
    paths = [name.split(".") for name in block.header]
    return lambda raw: _from_csv(raw, paths), False


def _from_csv(raw: bytes, paths: list[list[str]]) -> dict[str, Any]:
    cells = cells_of(raw)
    if cells is None:
        raise BadDocumentError(_fault(raw))
    if len(cells) != len(paths):
        raise BadDocumentError("column count differs from the header")
    document: dict[str, Any] = {}
    for path, cell in zip(paths, cells, strict=True):
        if cell == "":  # mongoexport writes both null and missing as an empty cell
            continue
        value = _cell(cell) if cell[0] in "O[{" else cell
        if len(path) == 1:
            document[path[0]] = value
        else:
            _put(document, path, value)
    return document


def _fault(raw: bytes) -> str:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return "not UTF-8"
    if b'\\"' in raw:
        return "backslash before a quote: write quotes twice (Spark: option escape='\"')"
    return "a quote that is not closed, or not written twice inside quotes"


def _put(document: dict[str, Any], parts: list[str], value: Any) -> None:
    for part in parts[:-1]:
        inner = document.setdefault(part, {})
        if not isinstance(inner, dict):
            return
        document = inner
    document[parts[-1]] = value


def _cell(cell: str) -> Any:
    """Parses arrays, documents and ObjectIds, which CSV holds as text; other cells are left to the field's type."""
    if cell[0] == "O":
        found = _OBJECTID.fullmatch(cell)
        return found[1].lower() if found else cell
    from components.exports.extended_json import ExtendedJsonError, decode_value, parse_value  # loads bson

    try:
        return decode_value(parse_value(cell.encode()))
    except ExtendedJsonError:
        return cell


CSV = Format(
    "csv",
    "CSV with a header",
    recognises=_recognises,
    blocks=_blocks,
    decoder=decoder,
    encoding="text",
    suffix="csv",
    between=b" \t\r\n\v\f",
    counts_bytes=True,
)

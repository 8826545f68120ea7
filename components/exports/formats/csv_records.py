"""Cuts CSV into records, and finds the next record after a damaged one.

A quote inside an unquoted cell is a literal, as every CSV reader takes it; only a quote that opens a cell lets a record
go on in the next line. Such a record is taken whole only if its quotes are sound and none of its lines is a row of its
own: otherwise one stray quote would swallow all rows up to the next one.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from itertools import accumulate

from components.exports.formats.base import MAX_TEXT_DOCUMENT
from components.exports.formats.window import Pieces

MAX_RECORD = 32 * 2**20
"""Bytes that one record may span; twice the largest document of MongoDB."""
_SAMPLED_LINES = 200
_TYPICAL = 0.9
"""Share of a column's cells that must be of one kind for the column to have it."""
_QUOTED = rb'"[^"]*+(?:""[^"]*+)*+"'
_CELL = rb"(?:" + _QUOTED + rb'|[^",\r\n][^,\r\n]*+|)'
_RECORD = re.compile(_CELL + rb"(?:," + _CELL + rb")*+(?:\r\n|[\r\n]|\Z)")
_OPEN = re.compile(rb"(?:" + _CELL + rb',)*+"[^"]*+(?:""[^"]*+)*+\Z')
"""A record whose last quoted cell has not ended where the bytes end."""
_SOUND_CELLS = re.compile(rb"(?:" + _CELL + rb",)++")
_KINDS = (
    ("number", re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")),
    ("date", re.compile(r"\d{4}-\d\d-\d\d(?:[T ].*)?")),
    ("id", re.compile(r"(?:ObjectId\()?[0-9a-fA-F]{24}\)?|[0-9a-fA-F-]{32,36}")),
    ("bool", re.compile(r"true|false", re.IGNORECASE)),
)

csv.field_size_limit(MAX_TEXT_DOCUMENT)  # a cell may hold a whole array; Python's own limit is 128 KiB


def cells_of(record: bytes) -> list[str] | None:
    """Returns the cells of one record; None if it is not UTF-8, its quotes are unsound, or it is not one record."""
    try:
        rows = list(csv.reader([record.decode("utf-8")], strict=True))
    except (UnicodeDecodeError, csv.Error):
        return None
    return rows[0] if len(rows) == 1 else None


def first_record(text: bytes) -> bytes | None:
    """Returns the record that a text begins with, with its line end; None if its quotes are unsound."""
    found = _RECORD.match(text)
    return found.group() if found else None


class RecordCutter:
    """Cuts the lines below a header into records.

    Args:
        columns: Number of columns.
    """

    def __init__(self, columns: int) -> None:
        self._columns = columns
        self._kinds: dict[int, str] = {}
        self._sampled = b""

    def cut(self, text: bytes, ended: bool, most: int) -> Pieces:
        """Cuts text that begins with a record.

        Args:
            text: Whole lines.
            ended: Whether nothing comes after them.
            most: Bytes after which to stop.
        """
        found = Pieces()
        while found.end < min(most, len(text)):
            quote = text.find(b'"', found.end)
            line = len(text) if quote < 0 else _line_start(text, found.end, quote)
            if line > found.end:
                _take_lines(found, text, min(line, _line_end(text, max(found.end, most - 1))))
                continue
            end = self._record_end(text, line, ended or len(text) - line >= MAX_RECORD)
            if end is None:
                break
            _take(found, text[line:end], line)
            found.end = end
        return found

    def _record_end(self, text: bytes, start: int, ended: bool) -> int | None:
        """Returns where a record with quotes ends, or the damage that begins with it; None to see more first."""
        found = _RECORD.match(text, start)
        below = _line_end(text, start)
        if found and (found.end() == below or not self._are_rows(text, below, found.end())):
            return found.end()
        if not found and not ended and _OPEN.match(text, start):
            return None
        return self._next_row(text, below, ended)

    def _are_rows(self, text: bytes, start: int, end: int) -> bool:
        """Returns whether the lines below a record's first are rows themselves, so that a stray quote joined them."""
        rows = others = 0
        last = start
        while start < end:
            last, start, is_row = start, *self._walk(text, start)
            rows, others = rows + is_row, others + (not is_row)
        if self._typical_kinds(text):
            return rows > 9 * others
        # Without a column that tells a row from text, only the number of cells does; the last line has the other quote.
        others -= not self._walk(text, last)[1]
        return not others and self._columns > 1 and (rows >= 3 or (rows > 0 and self._columns > 3))

    def _walk(self, text: bytes, start: int) -> tuple[int, bool]:
        """Returns where the row that begins here ends, and True; otherwise where the line ends, and False."""
        found = _RECORD.match(text, start)
        if found and self._is_row(text, found.group()):
            return found.end(), True
        return _line_end(text, start), False

    def _next_row(self, text: bytes, start: int, ended: bool) -> int | None:
        """Returns where the next row begins after a damaged line; what lies between belongs to the damage."""
        while start < len(text):
            end, is_row = self._walk(text, start)
            if is_row or self._begins_like_a_row(text, start):
                return start
            if not ended and _OPEN.match(text, start):
                return None
            start = end
        return len(text) if ended else None

    def _begins_like_a_row(self, text: bytes, start: int) -> bool:
        """Returns whether a line is a damaged row of its own: it has enough cells, and those before the damage fit."""
        sound = _SOUND_CELLS.match(text, start)
        line = text[start : _line_end(text, start)]
        if not sound or sound.end() > start + len(line) or line.count(b",") < self._columns - 1:
            return False
        kinds = self._typical_kinds(text)
        cells = cells_of(sound.group()[:-1]) or []
        known = [(cells[place], kind) for place, kind in kinds.items() if place < len(cells)]
        return not kinds or (
            any(cell for cell, _ in known) and all(cell == "" or _kind(cell) == kind for cell, kind in known)
        )

    def _is_row(self, text: bytes, record: bytes) -> bool:
        record = record.rstrip(b"\r\n")
        if not record or record.count(b",") < self._columns - 1:
            return False
        cells = cells_of(record)
        if cells is None or len(cells) != self._columns:
            return False
        kinds = self._typical_kinds(text)
        if not kinds:
            return not _has_literal_quote(record)
        fitting = sum(cells[place] == "" or _kind(cells[place]) == kind for place, kind in kinds.items())
        return 2 * fitting > len(kinds) and any(cells[place] for place in kinds)

    def _typical_kinds(self, text: bytes) -> dict[int, str]:
        """Returns column → kind of its cells, for columns that hold one kind: by them a row is told from text."""
        if text is not self._sampled:
            self._sampled = text
            rows = _sample(text, self._columns)
            if len(rows) >= 3:
                self._kinds = _kinds_of(rows)
        return self._kinds


def _line_start(text: bytes, low: int, place: int) -> int:
    return max(text.rfind(b"\n", low, place), text.rfind(b"\r", low, place), low - 1) + 1


def _line_end(text: bytes, start: int) -> int:
    newline = text.find(b"\n", start)
    newline = len(text) if newline < 0 else newline
    alone = text.find(b"\r", start, newline)
    return min(newline if alone < 0 or alone + 1 == newline < len(text) else alone, len(text) - 1) + 1


def _take_lines(found: Pieces, text: bytes, end: int) -> None:
    """Takes lines without a quote: each is a record."""
    lines = text[found.end : end].splitlines(keepends=True)
    for line, offset in zip(lines, accumulate(map(len, lines), initial=found.end), strict=False):
        _take(found, line, offset)
    found.end = end


def _take(found: Pieces, record: bytes, offset: int) -> None:
    record = record.rstrip(b"\r\n")
    if record.strip():
        found.take(record, offset)


def _sample(text: bytes, columns: int) -> list[list[str]]:
    """Returns the cells of lines that are whole rows, from the beginning and the middle of a text."""
    half = len(text) // 2
    lines = [line for place in (0, half) for line in text[place : place + 2**16].splitlines()[1:]]
    rows = (cells_of(line) for line in lines[:: 1 + len(lines) // _SAMPLED_LINES] if line)
    return [cells for cells in rows if cells is not None and len(cells) == columns]


def _kinds_of(rows: list[list[str]]) -> dict[int, str]:
    kinds: dict[int, str] = {}
    for place in range(len(rows[0])):
        seen = Counter(_kind(cells[place]) for cells in rows if cells[place])
        (kind, times), *_ = seen.most_common(1) or [("", 0)]
        if kind and times >= 3 and times >= _TYPICAL * seen.total():
            kinds[place] = kind
    return kinds


def _kind(cell: str) -> str:
    return next((name for name, pattern in _KINDS if pattern.fullmatch(cell)), "")


def _has_literal_quote(record: bytes) -> bool:
    return b'"' in re.sub(_QUOTED, b"", record)

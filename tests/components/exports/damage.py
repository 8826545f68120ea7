"""Exports of the same documents in every format, damaged at random places; what was damaged is known byte by byte."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import bson

from components.exports import extended_json
from components.exports.blocks import check_bad, plan_items, read_part, recognise_all
from components.exports.documents import BSON_OPTIONS
from components.exports.formats import FORMATS
from components.exports.formats.base import BadDocumentError
from foundation.errors import DataError

TEXTS = (
    "plain",
    "",
    "with, comma",
    'say "hi", then',
    "two\nlines, and\nmore",
    '"',
    "\\",
    '\\"',
    "}{ ],[",
    "ünï \U0001f600",
    "tab\there",
    "5,6",
)
TOKENS = (
    b'"',
    b'"',
    b'""',
    b'\\"',
    b"\\",
    b"\n",
    b"\r",
    b"\r\n",
    b",",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b"\0",
    b"\xff",
)
TOKENS += (b"\xef\xbb\xbf", b'","', b'":"', b"null", b"},{", b'{"_id":', b"\n\n", b";")


@dataclass
class Export:
    """A file, and where its documents are in it."""

    kind: str
    data: bytes
    ranges: list[tuple[int, int]]
    views: list[dict[str, Any]]
    """The documents as pymongo reads them; the cells of a CSV file as text."""
    touched: set[int]
    joined: set[int]
    """Documents whose separator from the next one was touched."""
    packed: bool = False
    damaged: bool = False


def make_documents(draw: random.Random, number: int, nested_ids: bool = False) -> list[dict[str, Any]]:
    """Returns documents with nested values, and texts that look like structure.

    Args:
        draw: Where chance comes from.
        number: How many.
        nested_ids: Whether inner documents begin with an ``_id`` too, as Mongoose writes them.
    """
    key = "_id" if nested_ids else "q"
    return [
        {
            "_id": i,
            "n": draw.randrange(1000),
            "text": draw.choice(TEXTS),
            "flag": draw.random() < 0.5,
            "sub": {"s": draw.choice(TEXTS), "x": draw.random()},
            "items": [{key: j, "p": draw.choice(TEXTS)} for j in range(draw.randrange(4))],
        }
        for i in range(number)
    ]


def _joined(
    kind: str, parts: list[bytes], views: list[dict[str, Any]], form: tuple[bytes, bytes, bytes]
) -> Export:
    head, between, tail = form
    data, ranges = head, []
    for number, part in enumerate(parts):
        data += between if number else b""
        ranges.append((len(data), len(data) + len(part)))
        data += part
    return Export(kind, data + tail, ranges, views, set(), set())


def _json(
    documents: list[dict[str, Any]], form: tuple[bytes, bytes, bytes], kind: str = "json", **how: Any
) -> Export:
    views = [bson.decode(bson.encode(one), BSON_OPTIONS) for one in documents]
    return _joined(kind, [json.dumps(one, **how).encode() for one in documents], views, form)


def _line(cells: list[str], **how: Any) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="", **how).writerow(cells)
    return out.getvalue().encode()


def _csv(documents: list[dict[str, Any]], end: bytes, **how: Any) -> Export:
    names = ["_id", "n", "text", "flag", "sub.s", "sub.x"]
    rows, views = [], []
    for one in documents:
        values = [one["_id"], one["n"], one["text"], one["flag"], one["sub"]["s"], one["sub"]["x"]]
        cells = [json.dumps(value) if isinstance(value, bool) else str(value) for value in values]
        rows.append(_line(cells, **how))
        views.append({name: cell for name, cell in zip(names, cells, strict=True) if cell})
    return _joined("csv", rows, views, (_line(names, **how) + end, end, end))


def _bson(documents: list[dict[str, Any]]) -> Export:
    views = [bson.decode(bson.encode(one), BSON_OPTIONS) for one in documents]
    return _joined("bson", [bson.encode(one) for one in documents], views, (b"", b"", b""))


def _archive(documents: list[dict[str, Any]]) -> Export:
    """Returns an archive of one collection, as ``mongodump`` writes it."""
    end, body = b"\xff" * 4, b"".join(map(bson.encode, documents))
    of = {"db": "shop", "collection": "users"}
    head = b"\x6d\xe2\x99\x81" + bson.encode({"version": "0.1", "concurrent_collections": 1})
    head += bson.encode({**of, "metadata": "{}", "type": "collection"}) + end
    head += bson.encode({**of, "EOF": False, "CRC": bson.Int64(0)})
    tail = end + bson.encode({**of, "EOF": True, "CRC": bson.Int64(crc64(body))}) + end
    export = _bson(documents)
    ranges = [(low + len(head), high + len(head)) for low, high in export.ranges]
    return replace(export, data=head + body + tail, ranges=ranges)


def crc64(data: bytes) -> int:
    """Returns the CRC-64/XZ of some bytes, as a signed number."""
    crc = 2**64 - 1
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0xC96C5795D7870F42 if crc & 1 else 0)
    crc ^= 2**64 - 1
    return crc - 2**64 if crc >= 2**63 else crc


TIGHT = {"separators": (",", ":")}
MAKERS: dict[str, Callable[[list[dict[str, Any]]], Export]] = {
    "lines": lambda d: _json(d, (b"", b"\n", b"\n"), "jsonl", **TIGHT),
    "lines-crlf": lambda d: _json(d, (b"", b"\r\n", b"\r\n"), "jsonl"),
    "lines-cr": lambda d: _json(d, (b"", b"\r", b"\r"), **TIGHT),
    "array-one-line": lambda d: _json(d, (b"[", b",", b"]\n"), **TIGHT),
    "array-of-dumps": lambda d: _json(d, (b"[", b", ", b"]")),
    "array-of-lines": lambda d: _json(d, (b"[\n", b",\n", b"\n]\n"), **TIGHT),
    "pretty": lambda d: _json(d, (b"", b"\n", b"\n"), indent="\t"),
    "pretty-array": lambda d: _json(d, (b"[", b",\n", b"]"), indent=2),
    "one-line": lambda d: _json(d, (b"", b"", b"\n"), **TIGHT),
    "csv": lambda d: _csv(d, b"\n"),
    "csv-all-quoted": lambda d: _csv(d, b"\n", quoting=csv.QUOTE_ALL),
    "csv-crlf": lambda d: _csv(d, b"\r\n"),
    "csv-cr": lambda d: _csv(d, b"\r"),
    "bson": _bson,
    "archive": _archive,
}


def damage(export: Export, draw: random.Random, times: int) -> None:
    """Damages an export at some places, and notes which documents were touched."""
    for _ in range(times):
        # A damaged header is another header, and a damaged first bracket another format.
        low = draw.randrange(export.ranges[0][0] or 8, len(export.data))
        high = min(len(export.data), low + draw.choice([0, 0, 0, 1, 1, 5]))
        new = draw.choice(TOKENS) if high == low or draw.random() < 0.3 else b""
        _edit(export, low, high, new)


def _edit(export: Export, low: int, high: int, new: bytes) -> None:
    shift = len(new) - (high - low)
    before = [i for i, (start, end) in enumerate(export.ranges) if low <= end + 1 and high >= start - 1]
    export.joined |= set(before[:-1])
    for number, (start, end) in enumerate(export.ranges):
        if low <= end + 1 and high >= start - 1:  # what stands between two belongs to both
            export.touched.add(number)
        start = start + shift if start >= high else min(start, low)
        end = end if end <= low else end + shift if end >= high else low + len(new)
        export.ranges[number] = (start, max(start, end))
    export.data = export.data[:low] + new + export.data[high:]
    export.damaged = True


@dataclass
class Read:
    """What was read of a file."""

    accepted: list[tuple[int, int, dict[str, Any]]]
    """Offset, end and document."""
    bad: list[tuple[int, int, str]]
    """Offset, end and reason."""


def read(export: Export, path: Path) -> Read:
    """Reads an export as an ingestion does.

    Raises:
        DataError: It is refused.
    """
    path.write_bytes(gzip.compress(export.data, 1) if export.packed else export.data)
    return read_file(path)


def read_file(path: Path) -> Read:
    """Reads a file as an ingestion does."""
    found = Read([], [])
    for part in (part for item in plan_items(recognise_all([(path, "e")], "auto")) for part in item.parts):
        for block in read_part(part):
            parse, wrapped = FORMATS[part.format.kind].decoder(block)
            for index, raw in enumerate(block.documents):
                if not raw.strip():
                    continue
                low = block.offset_of(index)
                try:
                    document = parse(raw)
                    view = extended_json.decode_document(document) if wrapped else document
                    found.accepted.append((low, low + len(raw), view))
                except (BadDocumentError, extended_json.ExtendedJsonError) as error:
                    check_bad(part, block, [index])
                    found.bad.append((low, low + len(raw), str(error)))
    return found


def faults(export: Export, path: Path) -> list[str]:
    """Reads an export and returns what is wrong with the result; nothing where a damaged one may be refused."""
    try:
        found = read(export, path)
    except DataError as error:
        may_be_refused = export.damaged and export.kind in ("json", "bson")
        return [] if may_be_refused else [f"refused: {error}"]
    accepted = {low: view for low, _, view in found.accepted}
    near = [(low - 2, high + 2) for number in export.touched for low, high in [export.ranges[number]]]
    wrong = []
    for number, (low, _) in enumerate(export.ranges):
        if (
            number not in export.touched
            and flat(accepted.pop(low, None), export.kind) != export.views[number]
        ):
            wrong.append(f"document {number} was not touched and is lost")
    places = [(low, high) for low, high, _ in found.bad]
    places += [(low, high) for low, high, _ in found.accepted if low in accepted]
    for low, high in places:
        if not any(low <= end and high >= start for start, end in near):
            wrong.append(f"bytes {low} to {high} are taken for a document and hold none that was touched")
    for number in export.touched:
        low, high = export.ranges[number]
        if (
            high > low
            and export.data[low:high].strip(b" \t\r\n,[]\xef\xbb\xbf")
            and not any(a < high and b > low for a, b in places)
        ):
            wrong.append(f"document {number} was touched and is counted nowhere")
    return wrong


def _several(export: Export, low: int, high: int) -> bool:
    """Returns whether a bad piece holds several documents although what stands between them was not touched."""
    inside = [i for i, (start, end) in enumerate(export.ranges) if low < end - 1 and high > start + 1]
    return any(number not in export.joined for number in inside[:-1])


def flat(view: dict[str, Any] | None, kind: str) -> dict[str, Any] | None:
    """Returns a document of CSV with dotted names."""
    if view is None or kind != "csv":
        return view
    inner = view.get("sub")
    rest = {name: value for name, value in view.items() if name != "sub"}
    return (
        {**rest, **{f"sub.{name}": value for name, value in inner.items()}}
        if isinstance(inner, dict)
        else view
    )

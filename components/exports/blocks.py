"""Work for readers: an export cut into items that can be read apart, and an item into blocks of raw documents.

Plain JSON lines are cut by byte ranges aligned to newlines. What cannot be entered in the middle (gz, BSON, arrays,
CSV) is cut into stripes: each reader scans the whole file, which is cheap, and keeps every n-th block.
"""

from __future__ import annotations

import csv
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO

from components.exports.dump_folder import one_collection
from components.exports.formats.archive import choose_namespace, read_namespace
from components.exports.recognition import (
    BSON_MAX_BYTES,
    FileFormat,
    open_stream,
    read_guarded,
    recognise,
)
from foundation.errors import DataError
from foundation.storage import Location, locate

BLOCK_BYTES = 2**20
ITEM_BYTES = 32 * 2**20
GZ_RATIO = 6
"""How much larger than its compressed files an export is taken to be when work is dealt out."""
MAX_TEXT_DOCUMENT = 128 * 2**20
"""A document of 16 MB of BSON, written as Extended JSON, stays below this."""
BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Part:
    """A piece of one file."""

    path: str
    """Absolute path."""
    name: str
    """Name in reports: relative to the document's folder."""
    format: FileFormat
    start: int = 0
    end: int = 0
    """Byte range, for plain JSON lines; 0: all."""
    stripe: int = 0
    stripes: int = 1


@dataclass(frozen=True)
class WorkItem:
    """What one worker reads and writes as one set of shards; its index fixes the order of shards."""

    index: int
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Block:
    """Raw documents that are converted together."""

    documents: Sequence[bytes]
    offset: int
    """Where the first document begins in the decompressed file; the number of its row in Parquet."""
    offsets: Sequence[int] | None = None
    """Where each document begins; None for lines, which follow one another."""
    header: tuple[str, ...] = ()
    """Column names of a CSV file."""

    def offset_of(self, index: int) -> int:
        """Returns where a document begins in the decompressed file."""
        if self.offsets is not None:
            return self.offsets[index]
        return self.offset + sum(len(document) + 1 for document in self.documents[:index])


def recognise_all(
    files: list[tuple[Location, str]], declared: str, namespace: str = ""
) -> list[tuple[Location, str, FileFormat]]:
    """Recognises every file of an export; files without content are left out.

    Args:
        files: Absolute path and name in reports.
        declared: The document's ``data.format``.
        namespace: The document's ``data.namespace``.

    Raises:
        DataError: The files are of several formats or collections, or none has content.
    """
    known = [(path, name, found) for path, name in files if (found := recognise(path, declared))]
    if not known:
        raise DataError(
            f"export {files[0][1]}",
            expected="documents",
            seen="no content in any file",
            remedy="export the collection again and check that its query matches documents",
        )
    kinds = {found.label: name for _, name, found in known}
    if len(kinds) > 1:
        seen = ", ".join(f"{kind} ({name})" for kind, name in sorted(kinds.items()))
        raise DataError(
            "export",
            expected="files of one format",
            seen=seen,
            remedy="name the files of one export by a glob",
        )
    if known[0][2].archive:
        return [(path, name, choose_namespace(path, name, found, namespace)) for path, name, found in known]
    return one_collection(known, namespace)


def plan_items(known: list[tuple[Location, str, FileFormat]]) -> list[WorkItem]:
    """Cuts recognised files into items of about 32 MiB of documents, in the order of the files."""
    items: list[WorkItem] = []
    group: list[Part] = []
    weight = 0
    for path, name, found in known:
        for part, size in _cut(path, name, found):
            if group and weight + size > ITEM_BYTES:
                items.append(WorkItem(len(items), tuple(group)))
                group, weight = [], 0
            group.append(part)
            weight += size
    return [*items, WorkItem(len(items), tuple(group))]


def _cut(path: Location, name: str, found: FileFormat) -> Iterator[tuple[Part, int]]:
    size = path.stat().st_size
    if found.kind == "jsonl" and found.compression == "none":
        pieces = max(1, round(size / ITEM_BYTES))
        bounds = [size * i // pieces for i in range(pieces + 1)]
        for start, end in itertools.pairwise(bounds):
            yield Part(str(path), name, found, start, end), end - start
        return
    size *= GZ_RATIO if found.compression != "none" else 1
    stripes = 1 if size < 2 * ITEM_BYTES else 2 if size < 32 * ITEM_BYTES else 4
    for stripe in range(stripes):
        yield Part(str(path), name, found, stripe=stripe, stripes=stripes), size // stripes


def read_part(part: Part) -> Iterator[Block]:
    """Yields the blocks of a part, in order; memory is bounded by a block and the largest document.

    Raises:
        DataError: The file is truncated or damaged so that what follows cannot be found.
    """
    if part.format.kind == "parquet":
        yield from _parquet(locate(part.path), part)
        return
    scan = {"jsonl": _lines, "bson": _bson, "json_pretty": _values, "json_array": _values, "csv": _records}
    scanner = _archive if part.format.archive else scan[part.format.kind]
    path = locate(part.path)
    with open_stream(path, part.format.compression) as stream:
        for number, block in enumerate(scanner(stream, path, part)):
            if number % part.stripes == part.stripe:
                yield block


def _lines(stream: IO[bytes], path: Location, part: Part) -> Iterator[Block]:
    position = part.start
    if part.start:
        stream.seek(part.start - 1)
        position += len(read_guarded(stream, 0, path, line=True)) - 1
    while not part.end or position < part.end:
        size = min(BLOCK_BYTES, part.end - position) if part.end else BLOCK_BYTES
        data = read_guarded(stream, size, path)
        if not data:
            return
        if not data.endswith(b"\n"):
            data += read_guarded(stream, 0, path, line=True)
        length, skipped = len(data), 0
        if position == 0 and data.startswith(BOM):
            data, skipped = data[len(BOM) :], len(BOM)
        documents = data.split(b"\n")
        if not documents[-1]:
            documents.pop()
        yield Block(documents, position + skipped)
        position += length


def _bson(stream: IO[bytes], path: Location, part: Part) -> Iterator[Block]:
    buffer, base = b"", 0
    while True:
        chunk = read_guarded(stream, BLOCK_BYTES, path)
        buffer += chunk
        documents, offsets, place = [], [], 0
        while place + 4 <= len(buffer):
            size = int.from_bytes(buffer[place : place + 4], "little")
            if not 5 <= size <= BSON_MAX_BYTES:
                raise _broken_bson(part, base + place, f"a document length of {size} bytes")
            if place + size > len(buffer):
                break
            documents.append(buffer[place : place + size])
            offsets.append(base + place)
            place += size
        if documents:
            yield Block(documents, offsets[0], offsets)
        buffer, base = buffer[place:], base + place
        if not chunk:
            break
    if buffer:
        raise _broken_bson(part, base, "the end of the file in the middle of a document")


def _archive(stream: IO[bytes], path: Location, part: Part) -> Iterator[Block]:
    for found in read_namespace(stream, path, part.name, part.format.namespace):
        yield Block(found.documents, found.offsets[0], found.offsets)


def _parquet(path: Location, part: Part) -> Iterator[Block]:
    from components.exports.formats.parquet import read_batches  # only here: other formats need no Arrow

    with open_stream(path, "none") as stream:
        for first, rows in read_batches(stream, path, part.name, part.stripe, part.stripes):
            yield Block(rows, first, range(first, first + len(rows)))


def _broken_bson(part: Part, offset: int, seen: str) -> DataError:
    return DataError(
        f"export file {part.name}, byte {offset}",
        expected="a whole BSON document",
        seen=seen,
        remedy="dump or copy the file again; nothing of it was used",
    )


_TOKENS = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}]|"', re.DOTALL)


class _ValueScanner:
    """Finds the top-level objects of a JSON array or of concatenated values, chunk by chunk."""

    def __init__(self, part: Part) -> None:
        self.part, self.buffer, self.base = part, b"", 0
        self.depth, self.place, self.start, self.after = 0, 0, 0, 0
        self.outside = b""

    def feed(self, chunk: bytes) -> tuple[list[bytes], list[int]]:
        """Takes the next bytes; returns the objects that are complete now, stray text included, and their offsets."""
        self.buffer += chunk
        documents: list[bytes] = []
        offsets: list[int] = []
        for token in _TOKENS.finditer(self.buffer, self.place):
            text = token.group()
            if text == b'"':
                break
            self.place = token.end()
            if text == b"{" and self.depth == 0:
                self._stray(token.start(), documents, offsets)
                self.start = token.start()
            if text == b"{":
                self.depth += 1
            elif text == b"}" and self.depth:
                self.depth -= 1
                if not self.depth:
                    documents.append(self.buffer[self.start : token.end()])
                    offsets.append(self.base + self.start)
                    self.after = token.end()
        self._forget()
        return documents, offsets

    def finish(self) -> tuple[list[bytes], list[int]]:
        """Checks that nothing is cut off; returns stray text at the end.

        Raises:
            DataError: The file ends inside a document or before the array's closing bracket.
        """
        documents: list[bytes] = []
        offsets: list[int] = []
        if self.depth:
            raise self._truncated(self.base + self.start)
        self._stray(len(self.buffer), documents, offsets)
        if self.outside.startswith(b"[") and not self.outside.endswith(b"]"):
            raise self._truncated(self.base + len(self.buffer))
        return documents, offsets

    def _stray(self, end: int, documents: list[bytes], offsets: list[int]) -> None:
        between = self.buffer[self.after : end].removeprefix(BOM)
        rest = between.strip(b" \t\r\n,[]")
        if rest:
            documents.append(rest)
            offsets.append(self.base + self.after)
        marks = re.sub(rb"[^\[\]]", b"", between) if not rest else b""
        self.outside = (self.outside[:1] or marks[:1]) + (marks[-1:] or b",")

    def _forget(self) -> None:
        keep = self.start if self.depth else self.after
        self.buffer, self.base = self.buffer[keep:], self.base + keep
        self.place, self.start, self.after = (
            max(0, self.place - keep),
            self.start - keep,
            max(0, self.after - keep),
        )
        if self.depth and len(self.buffer) > MAX_TEXT_DOCUMENT:
            raise self._truncated(self.base + self.start)

    def _truncated(self, offset: int) -> DataError:
        return DataError(
            f"export file {self.part.name}, byte {offset}",
            expected="a document or array that ends",
            seen="the end of the file, or over 128 MiB, in its middle",
            remedy="export the file again; JSON lines (mongoexport without --jsonArray) lose one document at most",
        )


def _values(stream: IO[bytes], path: Location, part: Part) -> Iterator[Block]:
    scanner = _ValueScanner(part)
    while True:
        chunk = read_guarded(stream, BLOCK_BYTES, path)
        documents, offsets = scanner.feed(chunk) if chunk else scanner.finish()
        if documents:
            yield Block(documents, offsets[0], offsets)
        if not chunk:
            return


def _records(stream: IO[bytes], path: Location, part: Part) -> Iterator[Block]:
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
        if documents and (size > BLOCK_BYTES or not length):
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

"""``mongodump --archive``: one namespace from a file that interleaves many.

The file has a magic number, a prelude (a header, one document per collection, a terminator), then blocks: a header
``{db, collection, EOF, CRC}``, the documents, a terminator. The header that ends a namespace holds the CRC-64/XZ of
all its documents.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import IO, Any

from components.exports.crc64 import Crc64Check
from components.exports.dumps.namespaces import Namespace, chosen, namespace_of
from components.exports.formats.base import BSON_MAX_BYTES, Block, FileFormat, Format, Known, Part
from components.exports.formats.bson import decoder
from components.exports.streams import open_stream, read_guarded
from foundation.errors import DataError
from foundation.storage import Location

CHUNK_BYTES = 2**20
_MAGIC = b"\x6d\xe2\x99\x81"
"""0x8199e26d, little-endian."""
_TERMINATOR = b"\xff\xff\xff\xff"


def _choose(known: Known, namespace: str) -> Known:
    return [(path, name, choose_namespace(path, name, found, namespace)) for path, name, found in known]


def choose_namespace(path: Location, name: str, found: FileFormat, wanted: str) -> FileFormat:
    """Returns the format of an archive with the namespace to read.

    Args:
        path: The archive.
        name: Its name in reports.
        found: Its format without a namespace.
        wanted: ``data.namespace``; empty if there is only one.

    Raises:
        DataError: The namespace does not exist or holds no documents, or none is named and there are several.
    """
    with open_stream(path, found.compression) as stream:
        there = _prelude(_Cursor(stream, path, name))
    expected = "one collection, or data.namespace to name one"
    return replace(found, namespace=chosen(f"mongodump archive {name}", there, wanted, expected))


def _blocks(stream: IO[bytes], path: Location, part: Part) -> Iterator[Block]:
    namespace = part.format.namespace
    cursor, check = _Cursor(stream, path, part.name), Crc64Check()
    _prelude(cursor)
    while True:
        header = cursor.header(f"the end mark of {namespace}")
        if f"{header.get('db')}.{header.get('collection')}" != namespace:
            while cursor.next() is not None:
                pass
        elif header.get("EOF"):
            if not check.matches(header.get("CRC", 0)):
                raise cursor.error("documents with the CRC-64 that the archive states", "another one")
            return
        else:
            for block in _body(cursor):
                check.update(b"".join(block.documents))
                yield block


def _body(cursor: _Cursor) -> Iterator[Block]:
    documents, offsets, size = [], [], 0
    while True:
        offset, document = cursor.offset, cursor.next()
        if document is not None:
            documents.append(document)
            offsets.append(offset)
            size += len(document)
        if documents and (document is None or size > CHUNK_BYTES):
            yield Block(documents, offsets[0], offsets)
            documents, offsets, size = [], [], 0
        if document is None:
            return


def _prelude(cursor: _Cursor) -> list[Namespace]:
    """Reads magic number and prelude; returns the namespaces of the archive."""
    if cursor.take(4) != _MAGIC:
        raise cursor.error("an archive's magic number", "another one")
    cursor.header("the archive's header")
    names = []
    while (raw := cursor.next()) is not None:
        entry = {key: str(value) for key, value in cursor.decode(raw).items()}
        names.append(namespace_of(entry.get("db", ""), entry.get("collection", ""), entry.get("type", "")))
    return names


class _Cursor:
    """Reads an archive value by value; memory holds a chunk or the largest document."""

    def __init__(self, stream: IO[bytes], path: Location, name: str) -> None:
        self._stream, self._path, self._name = stream, path, name
        self._buffer, self._place, self.offset = b"", 0, 0

    def take(self, size: int) -> bytes:
        """Returns the next bytes; fewer only at the end of the file."""
        missing = size - (len(self._buffer) - self._place)
        if missing > 0:
            parts = [self._buffer[self._place :]]
            while missing > 0 and (chunk := read_guarded(self._stream, CHUNK_BYTES, self._path)):
                parts.append(chunk)
                missing -= len(chunk)
            self._buffer, self._place = b"".join(parts), 0
        taken = self._buffer[self._place : self._place + size]
        self._place += len(taken)
        self.offset += len(taken)
        return taken

    def next(self) -> bytes | None:
        """Returns the next BSON document, or None at a terminator."""
        head = self.take(4)
        if head == _TERMINATOR:
            return None
        size = int.from_bytes(head, "little")
        if len(head) == 4 and not 5 <= size <= BSON_MAX_BYTES:
            raise self.error("a BSON document or a terminator", f"a document length of {size} bytes")
        rest = self.take(size - 4) if len(head) == 4 else b""
        if len(head) < 4 or len(rest) < size - 4:
            raise self.error("a whole archive", "the end of the file")
        return head + rest

    def header(self, expected: str) -> dict[str, Any]:
        """Returns the next document, decoded."""
        raw = self.next()
        if raw is None:
            raise self.error(expected, "a terminator")
        return self.decode(raw)

    def decode(self, raw: bytes) -> dict[str, Any]:
        """Decodes a header."""
        import bson  # imported late: recognition needs no driver

        try:
            return bson.decode(raw)
        except (bson.errors.BSONError, ValueError, TypeError) as error:
            raise self.error("a header of the archive", "bytes that are not BSON") from error

    def error(self, expected: str, seen: str) -> DataError:
        """Returns an error at this position."""
        return DataError(
            f"mongodump archive {self._name}, byte {self.offset}",
            expected=expected,
            seen=seen,
            remedy="dump or copy the archive again; nothing of it was used",
        )


ARCHIVE = Format(
    "archive",
    "a mongodump archive",
    recognises=lambda head: head.startswith(_MAGIC),
    blocks=_blocks,
    decoder=decoder,
    encoding="bson",
    suffix="bson",
    choose=_choose,
    declarable=False,
    certain=True,
)

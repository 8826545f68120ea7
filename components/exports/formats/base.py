"""The interface of a format: recognising, cutting and reading files, and parsing documents.

A new format is one file beside this one with a ``Format``, and one entry in ``FORMATS``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any, Literal

from components.exports.streams import Compression
from foundation.storage import Location

Dialect = Literal["relaxed", "canonical", "legacy", "none"]
Parse = Callable[[bytes], dict[str, Any]]
BLOCK_BYTES = 2**20
"""Size of a file's first block."""
BLOCK_DOCUMENTS = 512
"""Documents that a block should have: what each of many columns costs a block is shared by so many."""
_MOST_BLOCKS = 16
"""How much larger a block may become for that."""
ITEM_BYTES = 32 * 2**20
"""Approximate size of the documents in one work item."""
GZ_RATIO = 6
"""Assumed compression ratio when work is divided."""
MAX_TEXT_DOCUMENT = 128 * 2**20
"""Upper bound for the Extended JSON of a 16 MB BSON document."""
BSON_MAX_BYTES = 16 * 2**20 + 16 * 2**10
"""MongoDB's limit for a document and its envelope."""
BOM = b"\xef\xbb\xbf"


def next_block_bytes(documents: int, size: int) -> int:
    """Returns how large the next block should be: of wide documents, as many bytes as hold ``BLOCK_DOCUMENTS``.

    Args:
        documents: How many the last block had.
        size: Its bytes.
    """
    wanted = BLOCK_DOCUMENTS * size // max(1, documents)
    return min(max(BLOCK_BYTES, wanted), _MOST_BLOCKS * BLOCK_BYTES)


class BadDocumentError(ValueError):
    """A document cannot be read; the message is the reason, without any value."""


@dataclass(frozen=True)
class FileFormat:
    """The format of a file."""

    kind: str
    """Name of its ``Format``, also in reports."""
    compression: Compression = "none"
    dialect: Dialect = "none"
    """Extended JSON dialect of the first documents; the reader accepts every dialect."""
    namespace: str = ""
    """``database.collection`` to take from an archive."""


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
class Block:
    """Raw documents that are converted together."""

    documents: Sequence[bytes]
    offset: int
    """Offset of the first document in the decompressed file; its row number in Parquet."""
    offsets: Sequence[int] | None = None
    """Offset of each document; None for consecutive lines."""
    header: tuple[str, ...] = ()
    """Column names of a CSV file."""
    span: int | None = None
    """Bytes of the decompressed file that the block takes, with what is between its documents; None if not known."""
    lead: bytes = b""
    """Bytes of the span that are no document, such as the header of a CSV file."""

    def offset_of(self, index: int) -> int:
        """Returns the offset of a document in the decompressed file."""
        if self.offsets is not None:
            return self.offsets[index]
        return self.offset + sum(len(document) + 1 for document in self.documents[:index])


Known = list[tuple[Location, str, FileFormat]]
"""Files of an export: absolute path, name in reports, format."""


def cut_stripes(path: Location, name: str, found: FileFormat) -> Iterator[tuple[Part, int]]:
    """Yields stripes of a file that cannot be entered in the middle, and their size in bytes.

    The reader of a stripe scans the whole file, which is cheap, and keeps every n-th block.
    """
    size = path.stat().st_size * (GZ_RATIO if found.compression != "none" else 1)
    stripes = 1 if size < 2 * ITEM_BYTES else 2 if size < 32 * ITEM_BYTES else 4
    for stripe in range(stripes):
        yield Part(str(path), name, found, stripe=stripe, stripes=stripes), size // stripes


@dataclass(frozen=True)
class Format:
    """An export format."""

    name: str
    title: str
    """Name of the format in messages."""
    recognises: Callable[[bytes], bool]
    """Takes the first bytes of a file, decompressed and without a byte order mark; returns whether it has this format."""
    blocks: Callable[[IO[bytes], Location, Part], Iterator[Block]]
    """Yields the blocks of an opened file; raises ``DataError`` if the file is too damaged to continue."""
    decoder: Callable[[Block], tuple[Parse, bool]]
    """Returns the parser of a block's documents, and whether it leaves Extended JSON wrapped.

    The parser raises ``BadDocumentError``.
    """
    encoding: Literal["json", "bson", "table", "text", "own"] = "own"
    """``json``, ``bson`` and ``table`` are converted by columns; in ``text`` all values are text."""
    suffix: str = "jsonl"
    """Suffix of quarantine files."""
    choose: Callable[[Known, str], Known] | None = None
    """Selects the files for ``data.namespace``; None selects one collection of a dump."""
    cut: Callable[[Location, str, FileFormat], Iterator[tuple[Part, int]]] = cut_stripes
    """Yields the parts of a file that can be read independently, and their size in bytes."""
    between: bytes | None = None
    """Bytes that may stand between documents; all others of a file must be in one. None: not checked so."""
    counts_bytes: bool = False
    """Whether every block says its span."""
    check_bad: Callable[[Part, Block, int], None] | None = None
    """Takes a bad document's part, block and index; raises ``DataError`` if it shows that the file cannot be trusted."""
    declarable: bool = True
    """Whether ``data.format`` accepts it."""
    certain: bool = False
    """Whether recognition overrides ``data.format``."""

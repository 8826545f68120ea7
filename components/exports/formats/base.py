"""What a format is: how its files are recognised, cut into work, read, and how a document of it is parsed.

A new format is one file beside this one with a ``Format``, and an entry in ``FORMATS``.
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
ITEM_BYTES = 32 * 2**20
"""How many bytes of documents one work item holds, about."""
GZ_RATIO = 6
"""How much larger than its compressed files an export is taken to be when work is dealt out."""
MAX_TEXT_DOCUMENT = 128 * 2**20
"""A document of 16 MB of BSON, written as Extended JSON, stays below this."""
BSON_MAX_BYTES = 16 * 2**20 + 16 * 2**10
"""MongoDB's own ceiling for a document and its envelope."""
BOM = b"\xef\xbb\xbf"


class BadDocumentError(ValueError):
    """A document cannot be read; the message is the reason and holds no value of it."""


@dataclass(frozen=True)
class FileFormat:
    """What a file holds."""

    kind: str
    """Name of its ``Format``; reports use it, too."""
    compression: Compression = "none"
    dialect: Dialect = "none"
    """Which Extended JSON the first documents are written in; the reader takes them all alike."""
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


Known = list[tuple[Location, str, FileFormat]]
"""Files of an export: absolute path, name in reports, format."""


def cut_stripes(path: Location, name: str, found: FileFormat) -> Iterator[tuple[Part, int]]:
    """Yields the parts of a file that cannot be entered in the middle, and their size in bytes.

    Each reader of a stripe scans the whole file, which is cheap, and keeps every n-th block.
    """
    size = path.stat().st_size * (GZ_RATIO if found.compression != "none" else 1)
    stripes = 1 if size < 2 * ITEM_BYTES else 2 if size < 32 * ITEM_BYTES else 4
    for stripe in range(stripes):
        yield Part(str(path), name, found, stripe=stripe, stripes=stripes), size // stripes


@dataclass(frozen=True)
class Format:
    """A format of exports."""

    name: str
    title: str
    """The format in messages."""
    recognises: Callable[[bytes], bool]
    """Whether a file that begins so, decompressed and without a byte order mark, has this format."""
    blocks: Callable[[IO[bytes], Location, Part], Iterator[Block]]
    """Reads an opened file block by block; raises ``DataError`` where it is damaged so that the rest cannot be found."""
    decoder: Callable[[Block], tuple[Parse, bool]]
    """Gives the parser of a block's documents, and whether the leaves are Extended JSON still.

    The parser raises ``BadDocumentError``.
    """
    encoding: Literal["json", "bson", "table", "text", "own"] = "own"
    """How documents are written: ``json``, ``bson`` and ``table`` are converted by columns, in ``text`` all values are text."""
    suffix: str = "jsonl"
    """Ending of the files that keep bad documents."""
    choose: Callable[[Known, str], Known] | None = None
    """Gives the files to read of those recognised, for ``data.namespace``; None: those of one collection of a dump."""
    cut: Callable[[Location, str, FileFormat], Iterator[tuple[Part, int]]] = cut_stripes
    """Gives the parts of a file that can be read apart, and their size in bytes."""
    declarable: bool = True
    """Whether ``data.format`` may name it; others are only recognised."""
    certain: bool = False
    """Whether it is recognised for certain, whatever ``data.format`` says."""

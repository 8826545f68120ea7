"""Breaks an export file on purpose, in the way that its format can carry: by one document, or as a whole.

A file of documents one after the other stays one with a document more, which cannot be read. Parquet and an archive of
``mongodump`` vouch for the whole file: they hold no broken document, so their file is cut off.
"""

from __future__ import annotations

import bz2
import gzip
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from components.exports.formats.base import BOM
from components.exports.formats.csv_records import cells_of, first_record
from components.exports.recognition import recognise
from components.exports.streams import Compression, open_stream

_BAD = b'{"penstock_test": this is no JSON}'
_BAD_BSON = b"\x08\x00\x00\x00\xeea\x00\x00"
"""A document of the right length whose only value has a type that BSON does not know."""
_CUT_OFF = 16
"""Bytes that the end of a file loses."""


def _line(whole: bytes) -> bytes:
    return _ended(whole) + _BAD + b"\n"


def _in_array(whole: bytes) -> bytes:
    """Puts the document behind the others, before the bracket that closes the last array."""
    others = whole[: whole.rindex(b"]")].rstrip()
    return others + (b"" if others.endswith(b"[") else b",") + b"\n" + _BAD + b"\n]\n"


def _record(whole: bytes) -> bytes:
    """Adds a record of one cell more than the header has."""
    header = first_record(whole.removeprefix(BOM).lstrip()) or b""
    cells = cells_of(header.strip(b"\r\n")) or []
    return _ended(whole) + b",".join([b"penstock test"] * (len(cells) + 1)) + b"\n"


def _ended(whole: bytes) -> bytes:
    return whole if whole.endswith(b"\n") else whole + b"\n"


_WITH_A_BAD_ONE: Mapping[str, Callable[[bytes], bytes]] = {
    "jsonl": _line,
    "json_pretty": _line,
    "json_array": _in_array,
    "csv": _record,
    "bson": lambda whole: whole + _BAD_BSON,
}
"""Format → what adds a bad document to the content of a file; the other formats cannot hold one."""


@contextmanager
def damaged(folder: Path, declared: str) -> Iterator[bool]:
    """Damages the first file of an export that has content, and makes it whole again at the end.

    Args:
        folder: The files, and nothing else.
        declared: ``data.format``.

    Yields:
        Whether the file has one bad document more; otherwise it is cut off, as its format holds none.
    """
    known = ((file, recognise(file, declared)) for file in sorted(folder.iterdir()))
    file, found = next((file, found) for file, found in known if found)
    before = file.read_bytes()
    add = _WITH_A_BAD_ONE.get(found.kind)
    with open_stream(file, found.compression) as stream:
        whole = stream.read()
    file.write_bytes(_compressed(add(whole) if add else whole[:-_CUT_OFF], found.compression))
    try:
        yield add is not None
    finally:
        file.write_bytes(before)


def _compressed(whole: bytes, compression: Compression) -> bytes:
    import pyarrow as pa

    if compression == "zst":
        return bytes(pa.compress(whole, codec="zstd", asbytes=True))
    if compression == "none":
        return whole
    return gzip.compress(whole) if compression == "gz" else bz2.compress(whole)

"""Recognising what a file holds by its content, never by its name."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal, cast

from foundation.errors import DataError
from foundation.publish import storage_error

Kind = Literal["jsonl", "json_pretty", "json_array", "bson", "csv"]
Dialect = Literal["relaxed", "canonical", "legacy", "none"]
HEAD_BYTES = 64 * 2**10
BSON_MAX_BYTES = 16 * 2**20 + 16 * 2**10
"""MongoDB's own ceiling for a document and its envelope."""

_REFUSED = {
    b"\x28\xb5\x2f\xfd": ("Zstandard", "decompress it with `zstd -d`"),
    b"BZh": ("bzip2", "decompress it with `bunzip2`"),
    b"PK\x03\x04": ("a zip archive", "unpack it"),
    b"PAR1": ("Parquet", "export as JSON or BSON"),
    b"\x6d\xe2\x99\x81": ("a mongodump --archive", "dump again with --out in place of --archive"),
    b"\xff\xfe": ("UTF-16 text", "convert it with `iconv -f UTF-16 -t UTF-8`"),
    b"\xfe\xff": ("UTF-16 text", "convert it with `iconv -f UTF-16 -t UTF-8`"),
}


@dataclass(frozen=True)
class FileFormat:
    """What a file holds."""

    kind: Kind
    gz: bool
    dialect: Dialect = "none"
    """Which Extended JSON the first documents are written in; the reader takes them all alike."""


def recognise(path: Path, declared: str = "auto") -> FileFormat | None:
    """Recognises a file by its first bytes.

    Args:
        path: The file.
        declared: ``auto``, or the format that the document states; then only compression and dialect are looked for.

    Returns:
        The format, or None for a file without content.

    Raises:
        DataError: The file is of a kind that is not read, of none that is known, or its gz is broken.
    """
    with open_stream(path, _is_gz(path)) as stream:
        head = read_guarded(stream, HEAD_BYTES, path)
    body = head.removeprefix(b"\xef\xbb\xbf")
    if not body.strip():
        return None
    for magic, (name, remedy) in _REFUSED.items():
        if body.startswith(magic):
            raise DataError(
                f"export file {path}", expected="JSON, BSON or CSV, plain or gz", seen=name, remedy=remedy
            )
    kind = _declared_kind(declared, body) or _kind(body, path)
    dialect = _dialect(body) if kind in ("jsonl", "json_pretty", "json_array") else "none"
    return FileFormat(kind, _is_gz(path), dialect)


def open_stream(path: Path, gz: bool) -> IO[bytes]:
    """Opens a file for reading its documents' bytes, decompressed.

    Raises:
        StorageError: The file cannot be opened.
    """
    try:
        return cast("IO[bytes]", gzip.open(path, "rb")) if gz else path.open("rb")
    except OSError as error:
        raise storage_error(path, error) from error


def read_guarded(stream: IO[bytes], size: int, path: Path, line: bool = False) -> bytes:
    """Reads from a stream; a gz file that is cut off or damaged becomes a clear error.

    Args:
        stream: What to read from.
        size: Bytes to read at most; ignored for a line.
        path: The file, for the message.
        line: Whether to read to the end of the line in place of a number of bytes.

    Raises:
        DataError: The gz data is truncated or damaged.
        StorageError: The file cannot be read.
    """
    try:
        return stream.readline() if line else stream.read(size)
    except EOFError as error:
        raise DataError(
            f"export file {path}",
            expected="a complete gz file",
            seen="it ends before its end-of-stream marker: the export was cut off",
            remedy="export or copy the file again; nothing of it was used",
        ) from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DataError(
            f"export file {path}",
            expected="a sound gz file",
            seen=f"{error}",
            remedy="export or copy the file again",
        ) from error
    except OSError as error:
        raise storage_error(path, error) from error


def _is_gz(path: Path) -> bool:
    with open_stream(path, False) as stream:
        return read_guarded(stream, 2, path) == b"\x1f\x8b"


def _declared_kind(declared: str, body: bytes) -> Kind | None:
    if declared == "jsonl" and _is_pretty(body):
        return "json_pretty"
    return None if declared == "auto" else cast("Kind", declared)


def _kind(body: bytes, path: Path) -> Kind:
    if len(body) >= 5 and 5 <= int.from_bytes(body[:4], "little") <= BSON_MAX_BYTES:
        return "bson"
    text = body.lstrip()
    if text.startswith(b"["):
        return "json_array"
    lines = [line.strip() for line in text.split(b"\n")[:20]]
    if text.startswith(b"{"):
        return "json_pretty" if _is_pretty(body) else "jsonl"
    if any(line.startswith(b'{"') and _is_json(line) for line in lines):
        return "jsonl"
    if b"," in lines[0] and b"\x00" not in body:
        return "csv"
    raise DataError(
        f"export file {path}",
        expected="mongoexport JSON lines or array, mongodump BSON, or CSV with a header, plain or gz",
        seen="none of these in its first bytes",
        remedy="check that the path names an export; state data.format if it does",
    )


def _is_pretty(body: bytes) -> bool:
    return body.lstrip().split(b"\n", 1)[0].strip() == b"{"


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def _dialect(body: bytes) -> Dialect:
    if re.search(rb'"\$number(Int|Double)"', body):
        return "canonical"
    legacy = rb'"\$date"\s*:\s*(-?\d|"[^"]*[+-]\d{4}")|"\$binary"\s*:\s*"|"\$regex"\s*:\s*"[^"]*"\s*,\s*"\$options"'
    return "legacy" if re.search(legacy, body) else "relaxed"

"""Recognising what a file holds by its content, never by its name."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import re
import zlib
from dataclasses import dataclass
from typing import IO, Any, Literal, cast

from foundation.errors import DataError
from foundation.publish import storage_error
from foundation.storage import Location, RemotePath

Kind = Literal["jsonl", "json_pretty", "json_array", "bson", "csv", "parquet"]
Compression = Literal["none", "gz", "zst", "bz2"]
Dialect = Literal["relaxed", "canonical", "legacy", "none"]
HEAD_BYTES = 64 * 2**10
BSON_MAX_BYTES = 16 * 2**20 + 16 * 2**10
"""MongoDB's own ceiling for a document and its envelope."""

ARCHIVE_MAGIC = b"\x6d\xe2\x99\x81"
"""0x8199e26d, little-endian: the first bytes of ``mongodump --archive``."""
_BUFFER_BYTES = 2**20
_COMPRESSIONS: dict[bytes, Compression] = {b"\x1f\x8b": "gz", b"\x28\xb5\x2f\xfd": "zst", b"BZh": "bz2"}
_UTF_16 = ("UTF-16 text", "convert it with `iconv -f UTF-16 -t UTF-8`")
_REFUSED = {b"PK\x03\x04": ("a zip archive", "unpack it"), b"\xff\xfe": _UTF_16, b"\xfe\xff": _UTF_16}
_UTF_16_WITHOUT_MARK = re.compile(
    rb"[\[{\s]\x00[^\x00]\x00[^\x00]\x00|\x00[\[{\s]\x00[^\x00]\x00[^\x00]", re.DOTALL
)


@dataclass(frozen=True)
class FileFormat:
    """What a file holds."""

    kind: Kind
    compression: Compression = "none"
    dialect: Dialect = "none"
    """Which Extended JSON the first documents are written in; the reader takes them all alike."""
    archive: bool = False
    """Whether the documents lie in a ``mongodump --archive``."""
    namespace: str = ""
    """``database.collection`` to take from an archive."""

    @property
    def label(self) -> str:
        """The format as reports name it."""
        return "archive" if self.archive else self.kind


def recognise(path: Location, declared: str = "auto") -> FileFormat | None:
    """Recognises a file by its first bytes.

    Args:
        path: The file.
        declared: ``auto``, or the format that the document states; then only compression and dialect are looked for.

    Returns:
        The format, or None for a file without content.

    Raises:
        DataError: The file is of a kind that is not read, of none that is known, or its compression is broken.
    """
    compression = compression_of(path)
    with open_stream(path, compression) as stream:
        head = read_guarded(stream, HEAD_BYTES, path)
    body = head.removeprefix(b"\xef\xbb\xbf")
    if not body.strip():
        return None
    if body.startswith(ARCHIVE_MAGIC):
        return FileFormat("bson", compression, archive=True)
    if body.startswith(b"PAR1") and compression == "none":
        return FileFormat("parquet")
    _refuse(body, path)
    kind = _declared_kind(declared, body) or _kind(body, path)
    dialect = _dialect(body) if kind in ("jsonl", "json_pretty", "json_array") else "none"
    return FileFormat(kind, compression, dialect)


def _refuse(body: bytes, path: Location) -> None:
    found = [refused for magic, refused in _REFUSED.items() if body.startswith(magic)]
    if _UTF_16_WITHOUT_MARK.match(body):
        found.append(_UTF_16)
    if body.startswith(b"PAR1"):
        found.append(("compressed Parquet", "decompress it: Parquet compresses its own columns"))
    if found:
        raise DataError(
            f"export file {path}",
            expected="JSON, BSON, CSV or a mongodump archive, plain or compressed, or Parquet",
            seen=found[0][0],
            remedy=found[0][1],
        )


def compression_of(path: Location) -> Compression:
    """Returns how a file is compressed, by its first bytes."""
    with open_stream(path, "none") as stream:
        head = read_guarded(stream, 4, path)
    return next((name for magic, name in _COMPRESSIONS.items() if head.startswith(magic)), "none")


def open_stream(path: Location, compression: Compression) -> IO[bytes]:
    """Opens a file for reading its documents' bytes, decompressed.

    Raises:
        StorageError: The file cannot be opened.
    """
    try:
        if compression == "gz":
            return cast("IO[bytes]", gzip.open(_openable(path), "rb"))
        if compression == "bz2":
            return cast("IO[bytes]", bz2.open(_openable(path), "rb"))
        return path.open("rb") if compression == "none" else _open_zst(path)
    except OSError as error:
        raise storage_error(str(path), error) from error


def _openable(path: Location) -> Any:
    return path.open("rb") if isinstance(path, RemotePath) else path


def _open_zst(path: Location) -> IO[bytes]:
    import pyarrow as pa  # only here: a plain export is read without Arrow

    file = pa.PythonFile(path.open("rb"), "r") if isinstance(path, RemotePath) else pa.OSFile(str(path))
    raw = pa.CompressedInputStream(file, "zstd")
    return cast("IO[bytes]", io.BufferedReader(raw, _BUFFER_BYTES))


def read_guarded(stream: IO[bytes], size: int, path: Location, line: bool = False) -> bytes:
    """Reads from a stream; a compressed file that is cut off or damaged becomes a clear error.

    Args:
        stream: What to read from.
        size: Bytes to read at most; ignored for a line.
        path: The file, for the message.
        line: Whether to read to the end of the line in place of a number of bytes.

    Raises:
        DataError: The compressed data is truncated or damaged.
        StorageError: The file cannot be read.
    """
    try:
        return stream.readline() if line else stream.read(size)
    except EOFError as error:
        raise _cut_off(path) from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise _damaged(path, error) from error
    except OSError as error:
        if error.errno is not None:
            raise storage_error(str(path), error) from error
        # Decompressors speak through OSError too; then there is no error number of the system.
        raise (_cut_off(path) if "Truncated" in str(error) else _damaged(path, error)) from error


def _cut_off(path: Location) -> DataError:
    return DataError(
        f"export file {path}",
        expected="a complete compressed file",
        seen="it ends before its end-of-stream marker: the export was cut off",
        remedy="export or copy the file again; nothing of it was used",
    )


def _damaged(path: Location, error: Exception) -> DataError:
    return DataError(
        f"export file {path}",
        expected="a sound compressed file",
        seen=f"{error}",
        remedy="export or copy the file again",
    )


def _declared_kind(declared: str, body: bytes) -> Kind | None:
    if declared == "jsonl" and _is_pretty(body):
        return "json_pretty"
    return None if declared == "auto" else cast("Kind", declared)


def _kind(body: bytes, path: Location) -> Kind:
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
        expected="mongoexport JSON lines or array, mongodump BSON, CSV with a header, or Parquet",
        seen="none of these in its first bytes",
        remedy="check that the path names an export; state data.format if it does",
    )


def _is_pretty(body: bytes) -> bool:
    return body.lstrip().split(b"\n", 1)[0].strip() == b"{"


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _dialect(body: bytes) -> Dialect:
    if re.search(rb'"\$number(Int|Double)"', body):
        return "canonical"
    legacy = rb'"\$date"\s*:\s*(-?\d|"[^"]*[+-]\d{4}")|"\$binary"\s*:\s*"|"\$regex"\s*:\s*"[^"]*"\s*,\s*"\$options"'
    return "legacy" if re.search(legacy, body) else "relaxed"

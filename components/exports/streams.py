"""Opens and reads export files, decompressed; damage raises a clear error."""

from __future__ import annotations

import bz2
import gzip
import io
import zlib
from typing import IO, Any, Literal, cast

from foundation.errors import DataError
from foundation.publish import storage_error
from foundation.storage import Location, RemotePath

Compression = Literal["none", "gz", "zst", "bz2"]
_BUFFER_BYTES = 2**20
_COMPRESSIONS: dict[bytes, Compression] = {b"\x1f\x8b": "gz", b"\x28\xb5\x2f\xfd": "zst", b"BZh": "bz2"}


def compression_of(path: Location) -> Compression:
    """Returns how a file is compressed, judging by its first bytes."""
    with open_stream(path, "none") as stream:
        head = read_guarded(stream, 4, path)
    return next((name for magic, name in _COMPRESSIONS.items() if head.startswith(magic)), "none")


def open_stream(path: Location, compression: Compression) -> IO[bytes]:
    """Opens a file for reading, decompressed.

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
    """Reads from a stream; truncated or damaged compression raises a clear error.

    Args:
        stream: The stream.
        size: Most bytes to read; 0 reads a line to its end, however long.
        path: The file, for the message.
        line: Whether to read to the end of the line instead of a number of bytes.

    Raises:
        DataError: The compressed data is truncated or damaged.
        StorageError: The file cannot be read.
    """
    try:
        return stream.readline(size or -1) if line else stream.read(size)
    except EOFError as error:
        raise _cut_off(path) from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise _damaged(path, error) from error
    except OSError as error:
        if error.errno is not None:
            raise storage_error(str(path), error) from error
        # Decompressors raise OSError too, without an errno.
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
        expected="an intact compressed file",
        seen=f"{error}",
        remedy="export or copy the file again",
    )

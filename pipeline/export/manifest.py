"""An export's manifest: files, counts, checksums, and how consistent it is. Contains no filter values."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

from foundation.errors import DataError, StorageError
from foundation.publish import storage_error
from foundation.storage import Location
from pipeline.export.ranges import IdRange
from pipeline.export.shards import Checkpoint, sha256_of

NAME = "manifest.json"
VERSION = 1


def describe_file(path: Path, extent: IdRange, checkpoint: Checkpoint) -> dict[str, Any]:
    """Returns the entry of one shard."""
    return {
        "name": path.name,
        "documents": checkpoint.documents,
        "bytes": path.stat().st_size,
        "content_bytes": checkpoint.content_bytes,
        "sha256": sha256_of(path),
        "id_kind": extent.kind,
    }


def statement(
    documents: int, outside: int, at: datetime.datetime | None, reason: str, exported: str
) -> dict[str, Any]:
    """Returns how consistent an export is, in numbers and in one sentence."""
    if at is not None and outside == 0:
        said = f"Point in time: all documents as of {at.isoformat()}."
    elif at is not None and outside < documents:
        said = (
            f"Not a point in time: {documents - outside} documents as of {at.isoformat()}, then the "
            f"server dropped that snapshot, and {outside} as of when they were read, {exported}."
        )
    else:
        said = (
            f"Not a point in time: each document as of when it was read, {exported}; documents inserted "
            f"or deleted meanwhile may or may not be included. Reason: {reason}."
        )
    whole = at is not None and outside == 0
    return {
        "point_in_time": whole,
        "at": at.isoformat() if at and outside < documents else None,
        "statement": said,
    }


def read_manifest(folder: Path) -> dict[str, Any]:
    """Reads an export's manifest.

    Raises:
        DataError: It is not a manifest of this version.
        StorageError: It cannot be read.
    """
    path = folder / NAME
    try:
        return parse_manifest(path.read_bytes(), path)
    except OSError as error:
        raise storage_error(path, error) from error


def parse_manifest(content: bytes, path: Location) -> dict[str, Any]:
    """Parses a manifest.

    Raises:
        DataError: It is not a manifest of this version.
    """
    try:
        value = json.loads(content)
    except ValueError as error:
        raise DataError(f"{path}", expected="a manifest of penstock export", seen="not JSON") from error
    if not isinstance(value, dict) or value.get("version") != VERSION:
        raise DataError(f"{path}", expected=f"a manifest of version {VERSION}", seen="another")
    return value


def verify(folder: Path) -> int:
    """Checks the files of an export against its manifest.

    Returns:
        The number of documents in the files.

    Raises:
        DataError: A file does not match the manifest.
        StorageError: A file is missing.
    """
    manifest = read_manifest(folder)
    for entry in manifest["files"]:
        path = folder / entry["name"]
        if not path.is_file():
            raise StorageError(f"{path}", expected="the file named in the manifest", seen="none")
        if sha256_of(path) != entry["sha256"]:
            raise DataError(
                f"{path}", expected="the content with the checksum in the manifest", seen="another"
            )
    return int(manifest["documents"])

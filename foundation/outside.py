"""What a node left outside the pipeline's root: recorded with its content, and looked at before it counts as done.

A fingerprint says what a node read. What it published stands where others write too: a person, another document, a
cleaning job. So its result file lists every published file, and ``lost`` says whether all of them are still there, whole
and as they were left. A file with the same inode, size and times is not read again; any other is compared by its SHA-256.
For an object in a store, its size and the store's own checksum are compared.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from foundation.publish import storage_error
from foundation.result import Part
from foundation.storage import Location, RemotePath, locate

_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Left(Part):
    """A file that a node left outside the root."""

    path: str
    """Absolute path or address."""
    size: int
    """Bytes."""
    digest: str
    """SHA-256 of the content; for an object in a store, the store's checksum."""
    stamp: str = ""
    """Inode and times; while they are the same, the content is not read again."""


@dataclass(frozen=True)
class Outside:
    """How things stand outside the root, compared with what a node left there.

    Attributes:
        lost: Why the node must publish again; empty if what it left still stands.
        note: What a person should know although nothing is published again, such as a rollback that is respected.
    """

    lost: str = ""
    note: str = ""


def left(places: Iterable[Location]) -> tuple[Left, ...]:
    """Returns the record of files, objects and whole folders, as they are now.

    Raises:
        StorageError: One cannot be read.
    """
    return tuple(_recorded(file) for place in places for file in _files(place))


def lost(recorded: Sequence[Left], folder: Path | None = None) -> str:
    """Returns what happened to published files, in words; empty if all stand as they were left.

    Args:
        recorded: The files.
        folder: A folder that must hold nothing but these files; None if others may write beside them.

    Raises:
        StorageError: A file or store cannot be read.
    """
    for one in recorded:
        if happened := _happened(one):
            return f"{one.path} {happened}"
    known = {os.path.realpath(one.path) for one in recorded}
    added = [] if folder is None else [f for f in _files(folder) if os.path.realpath(str(f)) not in known]
    return f"{added[0]} was added" if added else ""


def _files(place: Location) -> list[Location]:
    if isinstance(place, RemotePath) or not place.is_dir():
        return [place]
    return sorted(path for path in place.rglob("*") if path.is_file())


def _recorded(file: Location) -> Left:
    if isinstance(file, RemotePath):
        about = file.stat()
        return Left(str(file), about.st_size, about.checksum)
    try:
        stat = file.stat()
        return Left(str(file), stat.st_size, _digest(file), _stamp(stat))
    except OSError as error:
        raise storage_error(file, error) from error


def _happened(one: Left) -> str:
    place = locate(one.path)
    if isinstance(place, RemotePath):
        if not place.is_file():
            return "is gone"
        about = place.stat()
        return "" if (about.st_size, about.checksum) == (one.size, one.digest) else "was changed"
    try:
        stat = place.stat()
        if not place.is_file():
            return "is no file any more"
        same = stat.st_size == one.size and (_stamp(stat) == one.stamp or _digest(place) == one.digest)
    except (FileNotFoundError, NotADirectoryError):
        return "is gone"
    except OSError as error:
        raise storage_error(place, error) from error
    return "" if same else "was changed"


def _stamp(stat: os.stat_result) -> str:
    return f"{stat.st_ino} {stat.st_mtime_ns} {stat.st_ctime_ns}"


def _digest(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as source:
        while chunk := source.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()

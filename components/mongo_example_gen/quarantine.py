"""Keeps bad documents byte for byte, readable only by their owner, with file, offset and reason.

They hold raw personal data: files are 0600 in a folder of 0700 outside the pipeline root. The documents file can be
fixed and used as an export; the index beside it gives the origin and reason of each document, in order.

While an ingestion runs, they and all other temporary files with raw documents are in one private folder beside them,
which the next run, ``penstock clean`` and the next expiry remove where its process was killed.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import logging
import os
import re
import shutil
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import IO
from uuid import uuid4

from components.exports.formats import FORMATS
from components.exports.formats.base import Block, Part
from foundation import temporaries
from foundation.errors import DataError
from foundation.publish import storage_error
from foundation.temporaries import open_private

_WORK = "ingestion"
_OUR_FOLDER = re.compile(r"[0-9a-f]{12}")
_SUFFIXES = "|".join(sorted({one.suffix for one in FORMATS.values()}))
_OUR_FILE = re.compile(rf"bad-\d{{5}}\.(index\.jsonl|{_SUFFIXES})")
_EARLIER = re.compile(r"\.changes-[0-9a-f]{12}"), re.compile(r"\.bad-[0-9a-f]{32}\..+")
"""Temporaries of versions before 0.10: folders in the quarantine, files in its folders."""

log = logging.getLogger(__name__)


@contextlib.contextmanager
def workplace(folder: Path) -> Iterator[Path]:
    """Yields a private folder in the quarantine for all temporary files of an ingestion; it is removed afterwards.

    Where the quarantine cannot be made, on a read-only disk, the folder does not exist: the first bad document says so.

    Args:
        folder: The quarantine.

    Raises:
        StorageError: It cannot be written.
    """
    there = folder.is_dir()
    if not _writable(folder):
        yield folder / temporaries.temporary_name(_WORK)
        return
    make_private(folder)
    try:
        held = temporaries.make_folder(folder, _WORK)
    except OSError as error:
        raise storage_error(folder, error) from error
    try:
        yield held.path
    finally:
        held.discard()
        if not there:
            with contextlib.suppress(OSError):  # bad documents were kept in it
                folder.rmdir()


def _writable(folder: Path) -> bool:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return os.access(folder, os.W_OK)


class QuarantineWriter:
    """Keeps the bad documents of one work item under temporary names.

    Args:
        folder: The private folder of the ingestion.
        keep_documents: False writes the index only.
    """

    def __init__(self, folder: Path, keep_documents: bool) -> None:
        self._folder, self._keep = folder, keep_documents
        self._name = f"item-{uuid4().hex}"
        self._files: dict[str, IO[bytes]] = {}

    def add(self, part: Part, block: Block, bad: list[tuple[int, str]]) -> None:
        """Keeps documents of a block; ``bad`` holds index and reason of each."""
        for index, reason in bad:
            raw, offset = block.documents[index], block.offset_of(index)
            place = {"file": part.name, "offset": offset, "length": len(raw), "reason": reason}
            self._file("index.jsonl").write(json.dumps(place).encode() + b"\n")
            if not self._keep:
                continue
            suffix = FORMATS[part.format.kind].suffix
            file = self._file(suffix)
            if block.header and file.tell() == 0:
                file.write(_csv_line(block.header))
            file.write(raw if suffix == "bson" else raw + b"\n")

    def close(self) -> tuple[str, ...]:
        """Closes the files; returns their temporary names."""
        for file in self._files.values():
            file.close()
        return tuple(f"{self._name}.{suffix}" for suffix in self._files)

    def abort(self) -> None:
        """Removes the files."""
        for name in self.close():
            (self._folder / name).unlink(missing_ok=True)

    def _file(self, suffix: str) -> IO[bytes]:
        if suffix not in self._files:
            make_private(self._folder)
            path = self._folder / f"{self._name}.{suffix}"
            self._files[suffix] = open_private(path)
        return self._files[suffix]


def _csv_line(cells: tuple[str, ...]) -> bytes:
    """Returns a line of CSV, with quotes where a name needs them."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue().encode()


def make_private(folder: Path) -> None:
    """Makes a folder that only its owner can enter.

    Raises:
        StorageError: It cannot be made.
    """
    try:
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        folder.chmod(0o700)
    except OSError as error:
        raise storage_error(folder, error) from error


def publish(folder: Path, work: Path, names: list[tuple[str, ...]]) -> list[Path]:
    """Moves the files of a finished ingestion to their place, replacing those of an earlier one of the same export.

    Args:
        folder: The quarantine folder of this export.
        work: The private folder of the ingestion.
        names: Temporary names of each work item, in order; items without bad documents have none.

    Returns:
        The published files.

    Raises:
        StorageError: A file cannot be moved.
    """
    kept = [entry for entry in names if entry]
    if kept:
        make_private(folder)
    published = []
    try:
        for old in folder.iterdir() if folder.is_dir() else ():
            if old.name.lstrip(".").startswith("bad-"):
                old.unlink()
        for number, item in enumerate(kept):
            for name in item:
                target = folder / f"bad-{number:05d}.{name.split('.', 1)[1]}"
                os.replace(work / name, target)
                published.append(target)
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
    except OSError as error:
        raise storage_error(folder, error) from error
    return published


def sweep(folder: Path) -> list[Path]:
    """Removes the temporaries that killed ingestions left in a quarantine; returns what was removed."""
    removed = temporaries.sweep(folder)
    for entry in earlier(folder):
        shutil.rmtree(entry, ignore_errors=True) if entry.is_dir() else entry.unlink(missing_ok=True)
        removed.append(entry)
    if removed:
        log.info(
            "Removed %d temporary files and folders that an interrupted run left in %s.", len(removed), folder
        )
    return removed


def earlier(folder: Path) -> list[Path]:
    """Returns the temporaries that killed ingestions of earlier versions left in a quarantine."""
    folders, files = _EARLIER
    found = [entry for entry in folder.glob(".changes-*") if folders.fullmatch(entry.name)]
    found += [
        entry
        for entry in folder.glob("*/.bad-*")
        if files.fullmatch(entry.name) and _OUR_FOLDER.fullmatch(entry.parent.name)
    ]
    return sorted(found)


def expire(folder: Path, days: int | None, reading: Collection[object] = ()) -> int:
    """Removes what killed ingestions left, and quarantine files not modified for the given number of days.

    Args:
        folder: The quarantine, with one folder per export.
        days: The age limit; None keeps everything.
        reading: Files that are being read, which are kept.

    Returns:
        How many quarantine files were removed.

    Raises:
        StorageError: A file cannot be removed.
    """
    sweep(folder)
    if days is None or not folder.is_dir():
        return 0
    oldest = time.time() - days * 86400
    removed = 0
    try:
        for file in folder.glob("*/bad-*"):
            ours = _OUR_FOLDER.fullmatch(file.parent.name) and _OUR_FILE.fullmatch(file.name)
            if ours and file.stat().st_mtime < oldest and file not in reading:
                file.unlink()
                removed += 1
                if not any(file.parent.iterdir()):
                    file.parent.rmdir()
    except OSError as error:
        raise storage_error(folder, error) from error
    return removed


def check_outside(folder: Path, pipeline_root: Path) -> None:
    """Refuses a quarantine folder inside the pipeline root, where artifacts are shared and copied.

    Raises:
        DataError: It is inside.
    """
    if folder.resolve().is_relative_to(pipeline_root.resolve()):
        raise DataError(
            f"bad_documents.folder {folder}",
            expected="a folder outside the pipeline root: quarantined documents hold raw personal data",
            seen=f"a folder inside {pipeline_root}",
            remedy="name another folder",
        )

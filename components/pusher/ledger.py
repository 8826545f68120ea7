"""The ledger next to the numbered versions: where each came from, and which are pinned."""

from __future__ import annotations

import hashlib
from pathlib import Path

from components.pusher.destination import files_of
from components.pusher.result import Entry, Ledger
from foundation.publish import storage_error


def read_ledger(folder: Path) -> dict[int, Entry]:
    """Returns version → entry for every existing version, from the ledger if it has one.

    Raises:
        DataError: The ledger is damaged or has a newer format.
        StorageError: The folder cannot be read.
    """
    known = (Ledger.find(folder) or Ledger()).versions
    return {n: known.get(n) or Entry(fingerprint(files_of(folder / str(n)))) for n in numbers(folder)}


def write_ledger(folder: Path, entries: dict[int, Entry]) -> None:
    """Writes the ledger atomically.

    Raises:
        StorageError: The folder cannot be written.
    """
    Ledger(dict(sorted(entries.items()))).write(folder)


def numbers(folder: Path) -> list[int]:
    """Returns the versions visible to TF Serving, smallest first.

    Raises:
        StorageError: The folder cannot be read.
    """
    try:
        names = [child.name for child in folder.iterdir() if child.is_dir()] if folder.exists() else []
    except OSError as error:
        raise storage_error(folder, error) from error
    return sorted(int(name) for name in names if name.isdecimal())


def fingerprint(folder: Path) -> str:
    """Returns a SHA-256 over relative names and contents of all files in a folder."""
    digest = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(str(file.relative_to(folder)).encode() + b"\0")
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()

"""The ledger beside the numbered versions: where each came from, and which are pinned."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from foundation.errors import DataError
from foundation.publish import storage_error, write_text

LEDGER_FILE = "versions.json"
LOCK_FILE = ".versions.lock"
FORMAT = 1


@dataclass(frozen=True)
class Entry:
    """What the ledger knows about one version.

    Attributes:
        fingerprint: SHA-256 over names and contents of the version's files.
        pushed_at: Seconds since the epoch; 0 where a version was there before its ledger.
        model: Where the model was exported; empty where not known.
        rollback_of: The version whose content this is, for a rollback.
        pinned: Whether it is never removed.
    """

    fingerprint: str
    pushed_at: float = 0.0
    model: str = ""
    rollback_of: int | None = None
    pinned: bool = False


def read_ledger(folder: Path) -> dict[int, Entry]:
    """Returns version → entry for every version that is there, the ledger's own memory first.

    Raises:
        DataError: The ledger is damaged or of a later format.
        StorageError: The folder cannot be read.
    """
    known = _parse(folder / LEDGER_FILE)
    return {n: known.get(n) or Entry(fingerprint(folder / str(n))) for n in numbers(folder)}


def _parse(file: Path) -> dict[int, Entry]:
    remedy = "move the file away; it is made anew from the versions, pins are lost"
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        if document["format"] != FORMAT:
            raise DataError(
                f"ledger {file}", expected=f"format {FORMAT}", seen=f"format {document['format']}"
            )
        return {int(number): Entry(**entry) for number, entry in document["versions"].items()}
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise storage_error(file, error) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"ledger {file}", expected="JSON as penstock writes it", seen=str(error), remedy=remedy
        ) from error


def write_ledger(folder: Path, entries: dict[int, Entry]) -> None:
    """Writes the ledger by rename.

    Raises:
        StorageError: The folder cannot be written.
    """
    versions = {str(number): asdict(entry) for number, entry in sorted(entries.items())}
    write_text(folder / LEDGER_FILE, json.dumps({"format": FORMAT, "versions": versions}, indent=1))


def numbers(folder: Path) -> list[int]:
    """Returns the versions that TF Serving sees, smallest first.

    Raises:
        StorageError: The folder cannot be read.
    """
    try:
        names = [child.name for child in folder.iterdir() if child.is_dir()] if folder.exists() else []
    except OSError as error:
        raise storage_error(folder, error) from error
    return sorted(int(name) for name in names if name.isdecimal())


def fingerprint(folder: Path) -> str:
    """Returns a SHA-256 over relative names and contents of all files below a folder."""
    digest = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(str(file.relative_to(folder)).encode() + b"\0")
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()

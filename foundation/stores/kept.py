"""What the mirror holds: one record for each address, locked while it is used, and removed when room is needed."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from foundation.errors import DataError
from foundation.lock import locked
from foundation.publish import storage_error, write_text
from foundation.stores.mirror import cache_bytes, cache_folder, mirror_of

EMPTY = ".empty-folder"
"""Name of the object that stands for a folder without files, which no store knows; it is never a file here."""
_USED: dict[str, int] = {}
"""Address → descriptor of its lock, which this process holds until it ends."""


@dataclass(frozen=True)
class Kept:
    """A record: which version of each object the mirror holds.

    Attributes:
        address: Address of a folder.
        files: Path in it → size in bytes and the store's mark.
    """

    address: str
    files: dict[str, tuple[int, str]] = field(default_factory=dict)

    @staticmethod
    def read(address: str) -> Kept:
        """Returns the record of an address; an empty one where there is none, or it is damaged."""
        with contextlib.suppress(FileNotFoundError, ValueError, KeyError, TypeError):
            value = json.loads(_place(address, ".json").read_text(encoding="utf-8"))
            return Kept(
                address, {path: (int(size), str(mark)) for path, (size, mark) in value["files"].items()}
            )
        return Kept(address)

    def write(self) -> None:
        """Writes the record; its time is that of the last use."""
        content = {"address": self.address, "files": self.files}
        write_text(_place(self.address, ".json"), json.dumps(content))

    def has(self, path: str, size: int, mark: str) -> bool:
        """Returns whether the mirror holds that version of an object, whole."""
        place = mirror_of(self.address) / path
        try:
            there = 0 if place.name == EMPTY and place.parent.is_dir() else place.stat().st_size
        except OSError:
            return False
        return self.files.get(path) == (size, mark) and there == size

    @property
    def bytes(self) -> int:
        """Bytes of all its files."""
        return sum(size for size, _ in self.files.values())


def use(address: str) -> None:
    """Keeps the mirror of an address from being removed, until this process ends.

    Raises:
        StorageError: The cache cannot be written.
    """
    if address in _USED:
        return
    file = _place(address, ".use")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        fcntl.flock(handle, fcntl.LOCK_SH)
    except OSError as error:
        raise storage_error(file, error) from error
    _USED[address] = handle


@contextlib.contextmanager
def changing(address: str) -> Iterator[None]:
    """Is the only one, among all processes here, that changes the mirror of an address."""
    with locked(_place(address, ".lock")):
        yield


def trim() -> list[str]:
    """Removes what was used longest ago, and is not in use, until the cache is as small as it may be.

    Returns:
        The addresses whose mirrors were removed.

    Raises:
        StorageError: The cache cannot be read or written.
    """
    records = sorted(cache_folder().glob("marks/*.json"), key=_last_use)
    known = [(record, Kept.read(_address(record))) for record in records]
    total, allowed, removed = sum(kept.bytes for _, kept in known), cache_bytes(), []
    for _, kept in known:
        if total <= allowed:
            break
        if kept.address not in _USED and _removed(kept.address):
            total -= kept.bytes
            removed.append(kept.address)
    return removed


def _removed(address: str) -> bool:
    """Removes a mirror that nobody uses; returns whether it is gone."""
    busy = DataError(address, seen="in use")
    with (
        contextlib.suppress(DataError),
        locked(_place(address, ".use"), busy=lambda: busy),
        changing(address),
    ):
        _place(address, ".json").unlink(missing_ok=True)
        shutil.rmtree(mirror_of(address), ignore_errors=True)
        return True
    return False


def _last_use(record: Path) -> float:
    try:
        return record.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _address(record: Path) -> str:
    with contextlib.suppress(FileNotFoundError, ValueError, KeyError, TypeError):
        return str(json.loads(record.read_text(encoding="utf-8"))["address"])
    return ""


def _place(address: str, suffix: str) -> Path:
    return cache_folder() / "marks" / (hashlib.sha256(address.encode()).hexdigest()[:24] + suffix)

"""Folders between a store and its mirror here: brought down once, sent whole, and looked at without their bulk."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from foundation.errors import StorageError
from foundation.publish import published_file
from foundation.storage_remote import Address
from foundation.stores.base import CONCURRENT, Entry, Store
from foundation.stores.kept import EMPTY, Kept, changing, use
from foundation.stores.mirror import mirror_of
from foundation.stores.opening import open_store
from foundation.temporaries import temporary_name


def fetch(uri: str, entries: Sequence[Entry] | None = None) -> Path:
    """Brings the objects of a folder into its mirror, as they are now; see ``brought.fetched``.

    What is here already, by the store's own marks, is not brought again. It stays until this process ends.

    Args:
        uri: Address of the folder.
        entries: Its objects, where they are known; None: ask for them.
    """
    if not _bring(uri, lambda path: True, entries):
        raise StorageError(
            uri,
            expected="the files of an artifact",
            seen="none",
            remedy="run the node that made it again with --force",
        )
    return mirror_of(uri)


def look(uri: str, entries: Sequence[Entry] | None = None) -> Path:
    """Brings the result files of a folder into its mirror; see ``brought.looked_at``.

    Args:
        uri: Address of the folder.
        entries: Its objects, where they are known; None: ask for them.
    """
    _bring(uri, lambda path: path.endswith(".json") and "/" not in path, entries)
    return mirror_of(uri)


def found(uri: str) -> bool:
    """Returns whether there is anything at an address; see ``brought.exists``."""
    store, key = open_store(Address(uri))
    return bool(store.list(f"{key}/")) or store.find(key) is not None


def size_of(uri: str) -> int:
    """Returns the total size of all objects at an address, in bytes.

    Raises:
        StorageError: The store does not answer.
    """
    store, key = open_store(Address(uri))
    return sum(entry.size for entry in store.list(f"{key}/"))


def removed(uri: str) -> None:
    """Removes everything at an address, and its mirror.

    Raises:
        StorageError: The store does not answer, or refuses.
    """
    store, key = open_store(Address(uri))
    store.delete([entry.key for entry in store.list(f"{key}/")])
    with changing(uri):
        Kept(uri).write()
        shutil.rmtree(mirror_of(uri), ignore_errors=True)


def sent(uri: str, last: Sequence[str] = ()) -> None:
    """Copies the mirror of an address into the store, in place of whatever an earlier attempt has left there.

    Args:
        uri: Address of the folder.
        last: Names of files that readers wait for: they are sent when all others are there.

    Raises:
        StorageError: The store does not answer, refuses, or does not hold what was sent.
    """
    store, key = open_store(Address(uri))
    use(uri)
    with changing(uri):
        store.delete([entry.key for entry in store.list(f"{key}/")])
        files = _local(mirror_of(uri))
        late = {path for path in files if path.rpartition("/")[2] in last}
        for some in (sorted(set(files) - late), sorted(late)):
            _each(some, lambda path: _send(store, files[path], f"{key}/{path}"))
        there = {entry.key.removeprefix(f"{key}/"): entry for entry in store.list(f"{key}/")}
        _compare(uri, {path: file.stat().st_size if file else 0 for path, file in files.items()}, there)
        Kept(uri, {path: (entry.size, entry.mark) for path, entry in there.items()}).write()


@dataclass(frozen=True)
class Prepared:
    """A folder that is in the store already, but not yet at its address.

    Attributes:
        uri: The address that it is for.
        aside: Key of the folder that it is in until then.
        files: Path in it → size in bytes.
    """

    uri: str
    aside: str
    files: dict[str, int]

    def appear(self, last: Sequence[str]) -> None:
        """Copies it to its address, within the store, and removes it where it was.

        Args:
            last: Names of files that readers wait for: they are copied when all others are there.

        Raises:
            StorageError: The store does not answer, refuses, or does not hold what was sent.
        """
        store, key = open_store(Address(self.uri))
        late = sorted(path for path in self.files if path.rpartition("/")[2] in last)
        for some in (sorted(set(self.files) - set(late)), late):
            _each(some, lambda path: store.copy(f"{self.aside}/{path}", f"{key}/{path}"))
        there = {entry.key.removeprefix(f"{key}/"): entry for entry in store.list(f"{key}/")}
        _compare(self.uri, self.files, there)
        with changing(self.uri):
            Kept(self.uri, {path: (entry.size, entry.mark) for path, entry in there.items()}).write()
        self.discard()

    def discard(self) -> None:
        """Removes it where it was."""
        store, _ = open_store(Address(self.uri))
        store.delete([f"{self.aside}/{path}" for path in self.files])


def prepared(uri: str) -> Prepared:
    """Copies the files of a mirror into the store, beside their address: whoever reads there sees nothing of them.

    Raises:
        StorageError: The store does not answer, or refuses.
    """
    store, key = open_store(Address(uri))
    parent, _, name = key.rpartition("/")
    aside = f"{parent}/{temporary_name(name)}".lstrip("/")
    use(uri)
    files = {path: file for path, file in _local(mirror_of(uri)).items() if file}
    _each(sorted(files), lambda path: store.send(files[path], f"{aside}/{path}"))
    return Prepared(uri, aside, {path: file.stat().st_size for path, file in files.items()})


def _bring(uri: str, wanted: Callable[[str], bool], entries: Sequence[Entry] | None = None) -> bool:
    """Brings the wanted objects of a folder into the mirror; returns whether the store has any object there."""
    store, key = open_store(Address(uri))
    use(uri)
    with changing(uri):
        found = store.list(f"{key}/") if entries is None else entries
        there = {entry.key.removeprefix(f"{key}/"): entry for entry in found}
        kept = Kept.read(uri)
        lacking = [
            path for path, one in there.items() if wanted(path) and not kept.has(path, one.size, one.mark)
        ]
        _each(lacking, lambda path: _fetch(store, there[path], mirror_of(uri) / path))
        held = {path: value for path, value in kept.files.items() if path in there}
        for path in set(kept.files) - set(
            there
        ):  # what else is here, others keep beside an artifact: kept rows
            (mirror_of(uri) / path).unlink(missing_ok=True)
        Kept(uri, held | {path: (there[path].size, there[path].mark) for path in lacking}).write()
    return bool(there)


def _fetch(store: Store, entry: Entry, place: Path) -> None:
    if place.name == EMPTY:
        place.parent.mkdir(parents=True, exist_ok=True)
        return
    with published_file(place) as temporary:  # makes the folder, too
        store.fetch(entry.key, temporary)


def _send(store: Store, file: Path | None, key: str) -> None:
    store.send(file, key) if file else store.put(key, b"")


def _each(paths: Sequence[str], do: Callable[[str], None]) -> None:
    """Does something for each path, several at a time; the first error is raised when all have ended."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(CONCURRENT) as pool:
        for done in [pool.submit(do, path) for path in paths]:
            done.result()


def _local(folder: Path) -> dict[str, Path | None]:
    """Returns path → file of everything in a folder, with None for the marks of folders that have no files."""
    found: dict[str, Path | None] = {}
    for place, folders, names in os.walk(folder):
        inside = "" if Path(place) == folder else f"{Path(place).relative_to(folder).as_posix()}/"
        found |= {f"{inside}{name}": Path(place) / name for name in names if name != EMPTY}
        if not folders and not set(names) - {EMPTY}:
            found[f"{inside}{EMPTY}"] = None
    return found


def _compare(uri: str, sizes: dict[str, int], there: dict[str, Entry]) -> None:
    odd = next((p for p in sizes if p not in there or there[p].size != sizes[p]), None)
    odd = odd or next((path for path in there if path not in sizes), None)
    if odd is not None:
        seen = f"{there[odd].size} bytes" if odd in there else "none"
        raise StorageError(
            f"{uri}/{odd}",
            expected=f"{sizes[odd]} bytes, as they were sent" if odd in sizes else "no other object",
            seen=seen,
            remedy="look for another process that writes there; then run the same command again",
        ).passing()

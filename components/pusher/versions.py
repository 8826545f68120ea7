"""Numbered versions that TF Serving reads: push, keep, pin, roll back. Loads no TensorFlow.

The folder of the versions may be the mirror of a place in a store: what happens here then happens there, see ``destination``.

TF Serving serves the largest number in the folder and ignores other names, so a version is copied under a hidden name,
synced to disk and renamed. A rollback publishes the older content again under a new, larger number: one rename, the
server loads it before it unloads the other, and the history is kept.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from components.pusher.destination import changing, files_of, seen
from components.pusher.ledger import fingerprint, numbers, read_ledger, write_ledger
from components.pusher.result import Entry, Ledger
from components.pusher.standing import held, is_whole
from foundation.errors import DataError, StorageError
from foundation.publish import published_folder, storage_error
from foundation.saved_model import MODEL_FILE, is_saved_model
from foundation.stores.mirror import address_of


@dataclass(frozen=True)
class Version:
    """A version in a folder that TF Serving reads.

    Attributes:
        number: Its number.
        path: Its folder.
        entry: Its entry in the ledger.
        current: Whether TF Serving serves it.
    """

    number: int
    path: Path
    entry: Entry
    current: bool


@dataclass(frozen=True)
class Pushed:
    """The outcome of a push.

    Attributes:
        number: The version that holds the model.
        path: Its folder.
        new: False if the model was there already.
        fingerprint: SHA-256 over names and contents of the model's files.
        removed: Versions removed because of keep_versions.
        again_of: For a model that is published again, the version that held it before.
    """

    number: int
    path: Path
    new: bool
    fingerprint: str
    removed: tuple[int, ...] = ()
    again_of: int | None = None


def versions(folder: str | os.PathLike[str]) -> list[Version]:
    """Returns the versions in a folder, newest first.

    Raises:
        DataError: The ledger is damaged.
        StorageError: The folder cannot be read.
    """
    place = seen(Path(folder))
    entries = read_ledger(place)
    newest = max(entries, default=0)
    return [Version(n, place / str(n), entries[n], n == newest) for n in sorted(entries, reverse=True)]


def push(
    model: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    keep: int,
    origin: str | os.PathLike[str] | None = None,
    run: str = "",
) -> Pushed:
    """Publishes a SavedModel as the next version, unless it is served already.

    A model that is one of the older versions is published again, so that it is served; but a version that a person
    chose to serve, by a rollback or a pin, stays served.

    Args:
        model: Folder of the SavedModel.
        folder: Folder of the versions, or the mirror of a place in a store; created if missing.
        keep: How many versions to keep, not counting pinned ones, which are never removed.
        origin: Where the model was exported, for the ledger; by default ``model``.
        run: Id of the run that pushes, for the ledger.

    Raises:
        DataError: The model is not a SavedModel.
        StorageError: The folder cannot be written, or the disk is full; nothing half-written is left.
    """
    source, place = Path(model), Path(folder)
    if not is_saved_model(source):
        raise DataError(f"model {source}", expected=f"a SavedModel with {MODEL_FILE}", seen="none")

    def publish() -> Pushed:
        _sweep(place)
        entries = read_ledger(place)
        print_of_model = fingerprint(source)
        same = [n for n, e in entries.items() if e.fingerprint == print_of_model and is_whole(place, n, e)]
        if same and _stays(place, entries, same):
            return Pushed(max(same), place / str(max(same)), False, print_of_model)
        before = max(same, default=None)
        entry = Entry(print_of_model, time.time(), str(origin or source), run=run, again_of=before)
        number = _publish(source, place, entries, entry)
        removed = _trim(place, entries, keep)
        return Pushed(number, place / str(number), True, print_of_model, removed, before)

    return changing(place, publish)


def _stays(place: Path, entries: dict[int, Entry], same: list[int]) -> bool:
    """Returns whether the served version stays: it holds the model, or a person decided that it is served."""
    current = max(entries)
    return current in same or bool(held(entries[current]) and is_whole(place, current, entries[current]))


def pin(folder: str | os.PathLike[str], version: int) -> None:
    """Pins a version so that it is never removed.

    Raises:
        DataError: There is no such version.
    """
    _set_pin(Path(folder), version, pinned=True)


def unpin(folder: str | os.PathLike[str], version: int) -> None:
    """Unpins a version so that it can be removed when it is among the oldest.

    Raises:
        DataError: There is no such version.
    """
    _set_pin(Path(folder), version, pinned=False)


def _set_pin(place: Path, version: int, pinned: bool) -> None:
    _existing(seen(place), version)

    def mark() -> None:
        _existing(place, version)
        entries = read_ledger(place)
        entries[version] = dataclasses.replace(entries[version], pinned=pinned)
        write_ledger(place, entries)

    changing(place, mark)


def rollback(folder: str | os.PathLike[str], to: int | None = None) -> Version:
    """Makes TF Serving serve an older model by publishing it again under a new, larger number.

    Args:
        folder: Folder of the versions.
        to: The version to go back to; by default the newest earlier one with another model, so a second rollback goes
            one model further back.

    Returns:
        The new current version.

    Raises:
        DataError: The version does not exist or is current, or there is none to go back to.
        StorageError: The folder cannot be written, or the disk is full; the current version stays.
    """
    place = seen(Path(folder))
    if not numbers(place):
        raise DataError(f"{address_of(place)}", expected="a pushed version", seen="none")
    if to is not None:
        _existing(place, to)

    def back() -> Version:
        _sweep(place)
        entries = read_ledger(place)
        target = _target(place, entries, to)
        entry = Entry(
            entries[target].fingerprint,
            time.time(),
            entries[target].model,
            rollback_of=_origin(entries, target),
        )
        number = _publish(files_of(place / str(target)), place, entries, entry)
        return Version(number, place / str(number), entry, current=True)

    return changing(place, back)


def _target(place: Path, entries: dict[int, Entry], to: int | None) -> int:
    current = max(entries)
    if to is not None:
        if entries[to].fingerprint == entries[current].fingerprint:
            raise DataError(
                f"version {to} in {address_of(place)}",
                expected="another model than the current one",
                seen="the same model",
            )
        return to
    before = [
        n
        for n in entries
        if n < _origin(entries, current) and entries[n].fingerprint != entries[current].fingerprint
    ]
    if not before:
        remedy = f"name one with --to, there are {', '.join(map(str, sorted(entries)))}"
        raise DataError(
            f"{address_of(place)}", expected="an older model to go back to", seen="none", remedy=remedy
        )
    return max(before)


def _origin(entries: dict[int, Entry], number: int) -> int:
    """Returns the version that first held this version's content, as far as known."""
    return entries[number].rollback_of or number


def _existing(place: Path, version: int) -> None:
    there = numbers(place)
    if version not in there:
        known = ", ".join(map(str, there)) or "none"
        raise DataError(
            f"version {version} in {address_of(place)}", expected="an existing version", seen=known
        )


def _publish(source: Path, place: Path, entries: dict[int, Entry], entry: Entry) -> int:
    announced = (
        Ledger.find(place) or Ledger()
    ).versions  # one may not have appeared yet, see ``destination``
    number = max(int(time.time()), max(entries, default=0) + 1, max(announced, default=0) + 1)
    with published_folder(place / str(number)) as temporary:
        _copy(source, temporary)
        _sync(temporary)
    _sync_folder(place)
    entries[number] = entry
    write_ledger(place, entries)
    return number


def _copy(source: Path, target: Path) -> None:
    """Copies a folder; unlike ``shutil.copytree`` it stops at the first error and keeps its cause, such as a full disk."""
    for path in sorted(source.rglob("*")):
        place = target / path.relative_to(source)
        if path.is_dir():
            place.mkdir(exist_ok=True)
        else:
            shutil.copyfile(path, place)


def _sync(folder: Path) -> None:
    """Syncs every file in a folder to disk, so that no rename survives a crash without its content."""
    for path in [*folder.rglob("*"), folder]:
        _sync_folder(path)


def _sync_folder(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _trim(place: Path, entries: dict[int, Entry], keep: int) -> tuple[int, ...]:
    """Removes the oldest unpinned versions beyond ``keep``; each is renamed away before it is deleted."""
    loose = sorted((n for n, entry in entries.items() if not entry.pinned), reverse=True)
    removed = tuple(sorted(loose[keep:]))
    for number in removed:
        hidden = place / f".{number}.{uuid.uuid4().hex[:8]}.tmp"
        try:
            os.rename(place / str(number), hidden)
            shutil.rmtree(hidden)
        except OSError as error:
            raise storage_error(place / str(number), error) from error
        del entries[number]
    if removed:
        write_ledger(place, entries)
    return removed


def _sweep(place: Path) -> None:
    """Deletes leftovers of a killed push; safe because the lock is held."""
    for leftover in place.glob(".*.tmp"):
        try:
            shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
        except OSError as error:
            raise StorageError(
                f"{leftover}", expected="a leftover that can be deleted", seen=str(error)
            ) from error

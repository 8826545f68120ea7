"""Versions in a store: what happened in the mirror is done there, so that nobody sees a half of it.

In a store nothing can be renamed or locked. A version is sent beside its number first; then the ledger is replaced, if it
is still the one that was read, which decides between two that push at once; then the version appears under its number,
``saved_model.pb`` last. So a server never finds a model whose other files are not there yet, and a push that was killed
leaves no number, or one without ``saved_model.pb``, which is no version.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from components.pusher.result import Ledger
from foundation.saved_model import MODEL_FILE
from foundation.storage import RemotePath
from foundation.storage_remote import Address
from foundation.stores import transfer
from foundation.stores.base import Store
from foundation.stores.kept import use
from foundation.stores.mirror import address_of
from foundation.stores.opening import open_store


@dataclass(frozen=True)
class State:
    """What a place in a store holds.

    Attributes:
        ledger: The ledger's text; empty if there is none.
        mark: The store's mark of the ledger; empty if there is none.
        numbers: The versions that are whole: with ``saved_model.pb``.
        broken: Keys of what killed pushes have left.
    """

    ledger: bytes
    mark: str
    numbers: frozenset[int]
    broken: tuple[str, ...]


def refresh(place: Path) -> State:
    """Gives the mirror of a place in a store its ledger and a folder for each version, and returns what the store holds.

    The files of a version are not brought: ``destination.files_of`` does that.

    Raises:
        StorageError: The store does not answer, or refuses.
    """
    address = address_of(place)
    store, key = open_store(Address(address))
    state = _state(store, key)
    place.mkdir(parents=True, exist_ok=True)
    for folder in [path for path in place.iterdir() if path.name.isdecimal()]:
        if int(folder.name) not in state.numbers:
            shutil.rmtree(folder)
    for number in state.numbers:
        use(f"{address}/{number}")
        (place / str(number)).mkdir(exist_ok=True)
    (place / Ledger.FILE).write_bytes(state.ledger) if state.ledger else (place / Ledger.FILE).unlink(True)
    return state


def carry_out(place: Path, before: State) -> bool:
    """Does in the store what was done in its mirror.

    Args:
        place: The mirror.
        before: What the store held when the mirror was made like it.

    Returns:
        False where another process has changed the store meanwhile, and nothing was done.

    Raises:
        StorageError: The store does not answer, refuses, or does not hold what was sent.
    """
    address = address_of(place)
    store, key = open_store(Address(address))
    file = place / Ledger.FILE
    ledger = file.read_bytes() if file.exists() else b""
    if ledger == before.ledger:
        return True
    known = set(Ledger.read(place).versions)
    ledger = _with_coming(place, before)
    new = [transfer.prepared(f"{address}/{number}") for number in sorted(known - before.numbers)]
    if not store.replace(f"{key}/{Ledger.FILE}", ledger, before.mark):
        for one in new:
            one.discard()
        return False
    for one in new:
        one.appear(last=[MODEL_FILE])
    for number in sorted(before.numbers - known):
        transfer.removed(f"{address}/{number}")
    store.delete(before.broken)
    return True


def objects(address: str) -> list[RemotePath]:
    """Returns the objects of a version.

    Raises:
        StorageError: The store does not answer.
    """
    store, key = open_store(Address(address))
    return [RemotePath(f"{address.removesuffix(key)}{entry.key}") for entry in store.list(f"{key}/")]


def _state(store: Store, key: str) -> State:
    entry = store.find(f"{key}/{Ledger.FILE}")
    ledger = store.get(entry.key) if entry else None
    parts = [one.key.removeprefix(f"{key}/").split("/") for one in store.list(f"{key}/")]
    whole = frozenset(int(part[0]) for part in parts if part[0].isdecimal() and part[1:] == [MODEL_FILE])
    newest = max(whole, default=0)
    broken = (part for part in parts if _is_broken(part[0], whole, newest))
    return State(
        ledger or b"", entry.mark if entry else "", whole, tuple("/".join((key, *p)) for p in broken)
    )


def _is_broken(name: str, whole: frozenset[int], newest: int) -> bool:
    """Returns whether a folder is what a push has left that was killed: one that is at work has the largest number."""
    number = name.strip(".").partition(".")[0]
    aside = name.startswith(".") and name.endswith(".tmp")
    return number.isdecimal() and int(number) <= newest and (aside or int(number) not in whole)


def _with_coming(place: Path, before: State) -> bytes:
    """Returns the ledger with the entries of versions that others have announced, but that have not appeared yet."""
    announced = Ledger.from_json(json.loads(before.ledger)).versions if before.ledger else {}
    newest = max(before.numbers, default=0)
    coming = {number: entry for number, entry in announced.items() if number > newest}
    versions = {**coming, **Ledger.read(place).versions}
    return Ledger(dict(sorted(versions.items()))).text().encode()

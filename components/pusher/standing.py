"""Whether the version that is served is what a push left: its model, whole. Loads no TensorFlow.

A person's decision is respected: after a rollback, while the served version is pinned, or where a version was put into
the folder by hand, nothing is published over it; the run says so.
"""

from __future__ import annotations

from pathlib import Path

from components.pusher.destination import files_of, seen
from components.pusher.ledger import fingerprint, read_ledger
from components.pusher.result import Entry, PushResult
from foundation.outside import Outside, lost
from foundation.stores.mirror import address_of, in_store


def standing(folder: Path, done: PushResult) -> Outside:
    """Returns how the versions stand compared with a push.

    Args:
        folder: Folder of the versions.
        done: The result of the push.

    Raises:
        DataError: The ledger is damaged.
        StorageError: The folder cannot be read.
    """
    if not done.pushed:
        return Outside()
    entries = read_ledger(seen(folder))
    own = done.fingerprint or (entries[done.version].fingerprint if done.version in entries else "")
    if not entries or not own:
        return Outside(f"the version it pushed is no longer in {address_of(folder)}")
    current = max(entries)
    if entries[current].fingerprint == own:
        return Outside(_altered(folder / str(current), entries[current], done))
    who = held(entries[current])
    if who and is_whole(folder, current, entries[current]):
        holding = [n for n, entry in entries.items() if entry.fingerprint == own]
        way = f"penstock rollback --to {max(holding)}" if holding else "penstock run --from Pusher"
        return Outside(note=f"version {current} stays served, {who}; '{way}' serves this document's model")
    run = f" of run {entries[current].run}" if entries[current].run else ""
    return Outside(f"version {current}{run} is served, which holds another model")


def held(entry: Entry) -> str:
    """Returns how a person decided that a version is served; empty if a run did."""
    if entry.rollback_of is not None:
        return f"by a rollback to version {entry.rollback_of}"
    if entry.pinned:
        return "as it is pinned"
    return "" if entry.pushed_at else "as it was put there by hand"


def is_whole(folder: Path, number: int, entry: Entry) -> bool:
    """Returns whether a version still holds what was published as it."""
    return fingerprint(files_of(folder / str(number))) == entry.fingerprint


def _altered(version: Path, entry: Entry, done: PushResult) -> str:
    if done.left and done.version == int(version.name):
        return lost(done.left, None if in_store(address_of(version)) else version)
    return "" if is_whole(version.parent, int(version.name), entry) else f"{address_of(version)} was changed"

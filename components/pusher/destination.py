"""Where versions are pushed to: a folder, changed under a lock; or a place in a store, changed in its mirror and then there.

Light: what a store needs is in ``remote``, which is loaded for an address alone.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from foundation.errors import StorageError
from foundation.lock import locked
from foundation.storage import Location
from foundation.stores.brought import fetched
from foundation.stores.mirror import address_of, in_store

if TYPE_CHECKING:
    from components.pusher.remote import State

LOCK_FILE = ".versions.lock"
_ATTEMPTS = 10
"""How often a change is made anew because another process changed the versions meanwhile."""
_Result = TypeVar("_Result")


def changing(place: Path, operate: Callable[[], _Result]) -> _Result:
    """Changes the versions in a folder; no other process changes them meanwhile.

    Args:
        place: The folder, or the mirror of a place in a store.
        operate: Changes the folder; called again where another process was faster in the store.

    Returns:
        What ``operate`` returned.

    Raises:
        StorageError: The folder or the store cannot be written, or others change it all the time.
    """
    for _ in range(_ATTEMPTS):
        with locked(place / LOCK_FILE):
            before = _refreshed(place)
            result = operate()
            if before is None or _carried_out(place, before):
                return result
    raise StorageError(
        f"{address_of(place)}",
        expected="versions that one process changes at a time",
        seen=f"others changed them {_ATTEMPTS} times in a row",
        remedy="let one pipeline push there",
    ).passing()


def seen(place: Path) -> Path:
    """Returns the folder of the versions, as it is now: the mirror of a place in a store is refreshed.

    Raises:
        StorageError: The store does not answer, or refuses.
    """
    if in_store(address_of(place)):
        with locked(place / LOCK_FILE):
            _refreshed(place)
    return place


def files_of(version: Path) -> Path:
    """Returns the folder of a version with all its files; of a version in a store, they are brought here first.

    Raises:
        StorageError: The store does not answer, or has them no longer.
    """
    return fetched(address_of(version))


def places_of(version: Path) -> list[Location]:
    """Returns what a push has left as a version: its folder, or its objects.

    Raises:
        StorageError: The store does not answer.
    """
    if not in_store(address_of(version)):
        return [version]
    from components.pusher.remote import objects

    return list(objects(address_of(version)))


def _refreshed(place: Path) -> State | None:
    """Returns what a store holds, which its mirror is made like; None for a folder."""
    if not in_store(address_of(place)):
        return None
    from components.pusher.remote import refresh

    return refresh(place)


def _carried_out(place: Path, before: State) -> bool:
    from components.pusher.remote import carry_out

    return carry_out(place, before)

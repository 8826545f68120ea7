"""Which document leads when replicas have different ones: the newest that a living replica has.

While a change is rolled out, or where one machine was forgotten, each replica would move the shared table to what its own
document says, to and fro. So replicas say in the store which document they have; only those with the newest may
change tables, the others adopt them.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from serving.experiments.state.store import Store

KEY: Final = "documents"
Notes = dict[str, Any]
"""What a replica says of itself, as plain JSON; empty if all is well."""
_SAY_EVERY: Final = 5.0
_DEAD_AFTER: Final = 20.0
_KEPT: Final = 50
_ATTEMPTS: Final = 20


class Authority:
    """This replica's word on which document it has.

    Args:
        store: The state.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._replica = uuid.uuid4().hex[:12]
        self._said = -1e18
        self._version = ""
        self._notes: Notes = {}
        self.others: dict[str, int] = {}
        """Versions of the document that other living replicas have → how many of them."""

    def leads(self, version: str, now: float, notes: Notes) -> bool:
        """Returns whether this replica's document is the newest.

        Args:
            version: The version of the document that it has.
            now: The store's time.
            notes: What there is to say of this replica.
        """
        for _ in range(_ATTEMPTS):
            number, value = self._store.read(KEY) or (0, {})
            known, alive = dict(value.get("known", {})), dict(value.get("alive", {}))
            if not self._has_news(version, now, notes, known, alive):
                break
            if version not in known or self._version not in ("", version):
                # Edited while we run, it is news even if it was in force once before. It comes later than any other, even
                # if the clock has not moved since.
                known[version] = max([now, *(at + 1e-3 for at in known.values())])
            alive = {name: said for name, said in alive.items() if now - said[1] < _DEAD_AFTER}
            alive[self._replica] = [version, now, notes]
            kept = sorted(known, key=lambda one: known[one])[-_KEPT:]
            document: dict[str, Any] = {"known": {one: known[one] for one in kept}, "alive": alive}
            if self._store.write(KEY, document, number):
                self._said, self._version, self._notes = now, version, notes
                break
        else:
            return False  # others were faster again and again; the next call tries it anew
        living = [said[0] for said in alive.values() if now - said[1] < _DEAD_AFTER]
        self.others = {one: living.count(one) for one in set(living) if one != version}
        return all(known.get(version, now) >= known.get(other, 0.0) for other in living)

    def _has_news(
        self, version: str, now: float, notes: Notes, known: dict[str, float], alive: dict[str, Any]
    ) -> bool:
        return (
            version != self._version
            or version not in known
            or self._replica not in alive
            or now - self._said >= _SAY_EVERY
            or _news(notes) != _news(self._notes)
        )

    def leave(self) -> None:
        """Says that this replica has ended."""
        number, value = self._store.read(KEY) or (0, {})
        alive = dict(value.get("alive", {}))
        if alive.pop(self._replica, None) is not None:
            self._store.write(KEY, {**value, "alive": alive}, number)


def _news(notes: Notes) -> tuple[object, ...]:
    """Returns what is said at once; numbers that only grow wait for the next time."""
    return notes.get("document_error"), sorted(notes)


def replicas(store: Store, now: float) -> list[dict[str, Any]]:
    """Returns the living replicas: each one's name, the version of its document, and what it says of itself.

    Args:
        store: The state.
        now: The store's time.
    """
    _, value = store.read(KEY) or (0, {})
    return [
        {"replica": name, "document": said[0], "seen": said[1], **said[2]}
        for name, said in sorted(value.get("alive", {}).items())
        if now - said[1] < _DEAD_AFTER
    ]

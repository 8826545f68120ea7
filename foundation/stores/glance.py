"""A look at many artifacts at once: what is in a store near each other is asked for together, and once.

Light, as ``brought`` is: what asks a store is loaded when there is an address.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from foundation.stores.mirror import in_store

if TYPE_CHECKING:
    from foundation.stores.base import Entry

_FOLDERS_ABOVE = (3, 2)
"""Levels above an artifact, ``ROOT/artifacts/NODE/KEY/EXECUTION``, at which it is asked for: all nodes', then its node's."""
_BUCKET_PARTS = 3
"""Parts of ``s3://bucket`` between slashes."""


class Glance:
    """What is at the addresses of artifacts, for as long as one question takes, such as a plan.

    A folder that holds all nodes' artifacts is asked for by one request. Only where that does not tell all is a folder further
    down asked for: a root with few objects costs one request, and one with many at most one for each node more than its artifacts.
    """

    def __init__(self) -> None:
        self._seen: dict[str, list[Entry] | None] = {}

    def exists(self, uri: str) -> bool:
        """Returns whether there is anything at a path or address.

        Raises:
            StorageError: The store does not answer.
        """
        if not in_store(uri):
            return Path(uri).exists()
        from foundation.storage_remote import Address
        from foundation.stores.opening import open_store

        store, key = open_store(Address(uri))
        return bool(self._entries(uri)) or store.find(key) is not None

    def looked_at(self, uri: str) -> Path:
        """Returns the local folder of an artifact with at least its result files, see ``brought.looked_at``.

        Raises:
            StorageError: The store does not answer, or the disk is full.
        """
        if not in_store(uri):
            return Path(uri)
        from foundation.stores.transfer import look

        return look(uri, self._entries(uri))

    def fetched(self, uri: str) -> Path:
        """Returns the local folder of an artifact with all its files, see ``brought.fetched``.

        Raises:
            StorageError: There is nothing at the address, the store does not answer, or the disk is full.
        """
        if not in_store(uri):
            return Path(uri)
        from foundation.stores.transfer import fetch

        return fetch(uri, self._entries(uri))

    def _entries(self, uri: str) -> list[Entry]:
        """Returns the objects at an address."""
        from foundation.storage_remote import Address
        from foundation.stores.opening import open_store

        store, key = open_store(Address(uri))
        for folder in _above(uri):
            if folder not in self._seen:
                _, above = open_store(Address(folder))
                found, whole = store.first(f"{above}/" if above else "")
                self._seen[folder] = found if whole else None
            if (known := self._seen[folder]) is not None:
                return [entry for entry in known if entry.key.startswith(f"{key}/")]
        if uri not in self._seen:
            self._seen[uri] = store.list(f"{key}/")
        return self._seen[uri] or []


def _above(uri: str) -> list[str]:
    """Returns the folders in the bucket that are asked for in an artifact's place, the largest first."""
    parts = uri.rstrip("/").split("/")
    return ["/".join(parts[:-levels]) for levels in _FOLDERS_ABOVE if len(parts) - levels >= _BUCKET_PARTS]

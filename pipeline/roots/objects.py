"""A pipeline root that is a prefix in an object store."""

from __future__ import annotations

import builtins

from foundation.storage import RemotePath
from foundation.stores.opening import open_store
from pipeline.roots.base import Root, checked


class ObjectRoot(Root):
    """A root in a store; every object appears whole or not at all.

    Args:
        place: Its address.

    Raises:
        StorageError: The store's client is not installed, or finds no credentials.
    """

    def __init__(self, place: RemotePath) -> None:
        super().__init__(str(place).rstrip("/"))
        self._store, prefix = open_store(place)
        self._prefix = f"{prefix}/" if prefix else ""

    def read(self, path: str) -> bytes | None:
        """Returns a file's content, see ``Root.read``."""
        return self._store.get(self._key(path))

    def publish(self, path: str, data: bytes) -> None:
        """Writes a file in one request, see ``Root.publish``."""
        self._store.put(self._key(path), data)

    def create(self, path: str, data: bytes) -> bool:
        """Writes a file that must not exist yet, by a conditional request, see ``Root.create``."""
        return self._store.create(self._key(path), data)

    def exists(self, path: str) -> bool:
        """Returns whether there is such a file, see ``Root.exists``."""
        return self._store.find(self._key(path)) is not None

    def list(self, folder: str) -> builtins.list[str]:
        """Returns all files under a folder, see ``Root.list``."""
        found = self._store.list(f"{self._key(folder)}/")
        return [entry.key.removeprefix(self._prefix) for entry in found]

    def delete(self, path: str) -> None:
        """Removes a file, see ``Root.delete``."""
        self._store.delete([self._key(path)])

    def _key(self, path: str) -> str:
        return self._prefix + checked(path)

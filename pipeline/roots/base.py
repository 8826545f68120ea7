"""What every pipeline root can do with small files, such as those of a run: whole or absent, wherever it is."""

from __future__ import annotations

from abc import ABC, abstractmethod

from foundation.errors import StorageError


class Root(ABC):
    """A pipeline root: a folder of this machine, or a prefix in an object store.

    Paths are relative to it, with slashes: ``runs/2026-01-01/run.json``. Whoever reads a file sees all of one version
    or, where nobody has published it, nothing.

    Args:
        uri: Where it is: an absolute path, ``s3://bucket/prefix`` or ``gs://bucket/prefix``.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri

    @abstractmethod
    def read(self, path: str) -> bytes | None:
        """Returns a file's whole content; None where there is no such file.

        Raises:
            StorageError: The root does not answer, or refuses.
        """

    @abstractmethod
    def publish(self, path: str, data: bytes) -> None:
        """Writes a file, in place of one of that name.

        Raises:
            StorageError: The root does not answer, refuses, or is full.
        """

    @abstractmethod
    def create(self, path: str, data: bytes) -> bool:
        """Writes a file that must not exist yet; of several processes that try, exactly one succeeds.

        Returns:
            Whether this call created it.

        Raises:
            StorageError: The root does not answer, refuses, or is full.
        """

    @abstractmethod
    def exists(self, path: str) -> bool:
        """Returns whether there is such a file.

        Raises:
            StorageError: The root does not answer, or refuses.
        """

    @abstractmethod
    def list(self, folder: str) -> list[str]:
        """Returns the paths of all files under a folder, at any depth, in order; none where there is no such folder.

        Raises:
            StorageError: The root does not answer, or refuses.
        """

    @abstractmethod
    def delete(self, path: str) -> None:
        """Removes a file; one that does not exist is no error.

        Raises:
            StorageError: The root does not answer, or refuses.
        """


def checked(path: str) -> str:
    """Returns a path that stays inside its root.

    Raises:
        StorageError: It is absolute, or has an empty part, ``.`` or ``..``.
    """
    if path and all(part not in ("", ".", "..") for part in path.split("/")):
        return path
    raise StorageError(
        f"path {path!r} in a pipeline root",
        expected="a relative path with a name between all slashes",
        seen="another",
        remedy="name the file from the root, such as runs/ID/run.json",
    )

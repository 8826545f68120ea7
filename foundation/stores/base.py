"""What we ask of an object store, in few calls: whole objects, marks of their content, exclusive creation.

Arrow's file systems read exports (``storage_remote``); they can neither create an object only if there is none, nor
delete one without leaving an empty object for its folder. So roots and pushes go through each store's own client.
"""

from __future__ import annotations

import builtins
import random
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from foundation.errors import StorageError

ATTEMPTS = 7
FIRST_PAUSE = 0.25
"""Seconds before the second attempt; each pause is twice the one before, give or take a half: 16 s in all."""
CONCURRENT = 8
"""Objects of a folder that are sent or fetched at once."""
TOKEN = "penstock-token"
"""Name of the metadata that tells a conditional request whose answer was lost from another's."""
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Entry:
    """An object, as a store lists it.

    Attributes:
        key: Its key.
        size: Bytes.
        mark: The store's own mark of the content, which changes with it: ETag or generation.
    """

    key: str
    size: int
    mark: str


@dataclass(frozen=True)
class Failure:
    """Why a store did not do what it was asked.

    Attributes:
        seen: What happened, in words, without the store's own text, which may quote a request.
        final: Whether another attempt would not help.
    """

    seen: str
    final: bool


class Store(ABC):
    """A bucket.

    Args:
        scheme: ``s3`` or ``gs``.
        bucket: Its name.
    """

    def __init__(self, scheme: str, bucket: str) -> None:
        self.scheme, self.bucket = scheme, bucket

    @abstractmethod
    def get(self, key: str) -> bytes | None:
        """Returns an object's content; None where there is no such object.

        Raises:
            StorageError: The store does not answer, or refuses; so for every call.
        """

    @abstractmethod
    def put(self, key: str, data: bytes) -> None:
        """Writes an object, in place of one of that key."""

    @abstractmethod
    def replace(self, key: str, data: bytes, mark: str) -> bool:
        """Writes an object if the one that is there still has a mark; returns whether this call wrote it.

        Args:
            key: Its key.
            data: Its new content.
            mark: The mark that was seen; empty: there must be no such object.
        """

    def create(self, key: str, data: bytes) -> bool:
        """Writes an object that must not exist yet; returns whether this call created it."""
        return self.replace(key, data, "")

    @abstractmethod
    def find(self, key: str) -> Entry | None:
        """Returns an object's size and mark; None where there is no such object."""

    @abstractmethod
    def list(self, prefix: str) -> list[Entry]:
        """Returns the objects whose keys begin so, in order of their keys."""

    @abstractmethod
    def first(self, prefix: str) -> tuple[builtins.list[Entry], bool]:
        """Returns the first objects whose keys begin so, as many as one request tells (1000), and whether they are all."""

    @abstractmethod
    def delete(self, keys: Iterable[str]) -> None:
        """Removes objects; one that does not exist is no error."""

    @abstractmethod
    def send(self, file: Path, key: str) -> None:
        """Copies a file into the store as one object, which appears whole or not at all."""

    @abstractmethod
    def fetch(self, key: str, file: Path) -> None:
        """Copies an object into a file.

        Raises:
            StorageError: There is no such object.
        """

    @abstractmethod
    def copy(self, source: str, target: str) -> None:
        """Copies an object within the store."""

    @abstractmethod
    def _failure(self, error: Exception) -> Failure | None:
        """Returns what an exception of the store's client means; None where it is not one."""

    def address(self, key: str) -> str:
        """Returns the address of an object."""
        return f"{self.scheme}://{self.bucket}/{key}"

    def _ask(self, key: str, ask: Callable[[], _Result]) -> _Result:
        """Asks again, with growing pauses, while the store is busy or the connection fails."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return ask()
            except Exception as error:
                failure = self._failure(error)
                if failure is None:
                    raise
                if failure.final or attempt == ATTEMPTS:
                    raise self._error(key, failure, attempt) from error
            time.sleep(FIRST_PAUSE * 2 ** (attempt - 1) * random.uniform(0.5, 1.5))
        raise AssertionError("unreachable")

    def _error(self, key: str, failure: Failure, attempts: int) -> StorageError:
        tries = f" ({attempts} attempts)" if attempts > 1 else ""
        remedy = "check bucket, region and the credentials in the environment"
        return StorageError(
            self.address(key),
            expected="a store that answers and permits it",
            seen=failure.seen + tries,
            remedy=remedy if failure.final else "run the same command again when the store answers",
        ).passing(not failure.final)

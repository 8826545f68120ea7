"""Follows the document: takes a changed one, keeps the old one while the new one is wrong."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from foundation.errors import PenstockError
from serving.experiments.document.reader import read_document

if TYPE_CHECKING:
    from serving.experiments.document.models import ExperimentsDocument

log = logging.getLogger(__name__)

_AT_THE_START = ("backends", "state", "log", "alert", "tokens", "limits")
"""Sections that are read when a process starts."""


class Followed:
    """A document on disk.

    Args:
        path: Its path.
        overrides: ``a.b=value`` options, laid over it each time.

    Attributes:
        document: The latest one that was right.
        error: What is wrong with the file now; empty if nothing is.
        refused: How often a changed file was wrong.
        restart: Sections that have changed since the start and take effect after a restart.

    Raises:
        SpecErrors: It is missing or wrong at the start.
        StorageError: It cannot be read at the start.
    """

    def __init__(self, path: Path, overrides: Sequence[str] = ()) -> None:
        self.path, self._overrides = path, tuple(overrides)
        self._looked = self._look()
        self._digest = _digest(path)
        self.document: ExperimentsDocument = read_document(path, self._overrides)
        self._first = self.document
        self.error = ""
        self.refused = 0
        self.restart: tuple[str, ...] = ()

    def changed(self) -> bool:
        """Looks at the file; returns whether there is another document now. Never raises."""
        looked = self._look()
        if looked == self._looked:
            return False
        self._looked = looked
        digest = _digest(self.path)
        if digest == self._digest:
            return False
        self._digest = digest
        try:
            document = read_document(self.path, self._overrides)
        except PenstockError as error:
            self.refused += 1
            self.error = str(error)
            log.error("%s is wrong, so the document before stays in force: %s", self.path, error)  # noqa: TRY400
            return False
        self.error = ""
        if document.version == self.document.version:
            return False
        self.document = document
        self.restart = tuple(
            name for name in _AT_THE_START if getattr(document, name) != getattr(self._first, name)
        )
        if self.restart:
            log.warning(
                "%s: %s changed; that takes effect after a restart", self.path, ", ".join(self.restart)
            )
        log.info("%s: version %s is in force", self.path, document.version)
        return True

    def _look(self) -> tuple[int, ...] | None:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino


def _digest(path: Path) -> bytes:
    try:
        return hashlib.sha256(path.read_bytes()).digest()
    except OSError:
        return b""

"""Digests of our own code, kept beside its byte code as long as no file has changed: to read 600 files takes 40 ms.

What holds for byte code holds here: whoever may write the one may write the other, Python's own settings say whether and
where, and where it cannot be written everything works as well, only slower.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sys
import time
from collections.abc import Mapping
from functools import cached_property
from importlib.util import cache_from_source
from os import stat_result
from pathlib import Path

from foundation.errors import StorageError
from foundation.publish import write_text

_SETTLED_SECONDS = 2.0
"""Age of the last change from which a later one cannot have the same time; file systems count in steps of up to that."""


class KeptDigests:
    """Digests that were made of the same files.

    Args:
        file: Where they are kept.
        files: Path of every file that may count → its state.
    """

    def __init__(self, file: Path, files: Mapping[str, stat_result]) -> None:
        self._file = file
        state = hashlib.sha256()
        for path, at in sorted(files.items()):
            state.update(f"{path}\0{at.st_size} {at.st_mtime_ns} {at.st_ctime_ns} {at.st_ino}\n".encode())
        self._state = state.hexdigest()
        self._changed = max((max(at.st_mtime, at.st_ctime) for at in files.values()), default=0.0)

    @cached_property
    def found(self) -> dict[str, str]:
        """What is made of → digest; empty where a file has changed since, or nothing was kept."""
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            kept = json.loads(self._file.read_text(encoding="utf-8"))
            if kept["state"] == self._state:
                return {str(name): str(digest) for name, digest in kept["digests"].items()}
        return {}

    def keep(self, made: Mapping[str, str]) -> None:
        """Keeps digests for the next process; not of files that have only just changed, which may change once more."""
        settled = not -_SETTLED_SECONDS < time.time() - self._changed < _SETTLED_SECONDS
        if made.items() <= self.found.items() or sys.dont_write_bytecode or not settled:
            return
        self.found.update(made)
        with contextlib.suppress(StorageError):
            write_text(self._file, json.dumps({"state": self._state, "digests": self.found}))


def beside(source: str) -> Path:
    """Returns where digests are kept: beside the byte code of a source file."""
    return Path(cache_from_source(source)).with_suffix(".digests")

"""One run at a time per pipeline root; the error of a second one names the holder."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from foundation.errors import LockedError
from foundation.lock import locked


@contextlib.contextmanager
def held(root: Path, run: str) -> Iterator[None]:
    """Holds the lock of a pipeline root.

    Raises:
        LockedError: Another process holds it.
        StorageError: The root cannot be written.
    """
    file = root / "lock"
    with locked(file, lambda: _busy(file)) as handle:
        holder = {"pid": os.getpid(), "host": socket.gethostname(), "run": run, "since": time.time()}
        os.ftruncate(handle, 0)
        os.pwrite(handle, json.dumps(holder).encode(), 0)
        try:
            yield
        finally:
            os.ftruncate(handle, 0)


def _busy(file: Path) -> LockedError:
    return LockedError(
        f"pipeline root {file.parent}",
        expected="no other run at the same time",
        seen=_holder(file),
        remedy="wait for it, stop it, or give this document another root",
    )


def _holder(file: Path) -> str:
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
        minutes = (time.time() - value["since"]) / 60
        return f"run {value['run']}, process {value['pid']} on {value['host']}, for {minutes:.0f} min"
    except (OSError, ValueError, KeyError):
        return "another process"

"""One run at a time per pipeline root; the error of a second one names the holder.

The lock of a root in a store is an object besides, which one process among all machines has: see ``pipeline.runs.lease``.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from foundation.errors import LockedError
from foundation.lock import locked
from foundation.publish import require_folder
from foundation.stores.mirror import address_of, in_store

_NAME = "lock"
"""Name of the lock in the root."""


class Hold(Protocol):
    """A lock that is held."""

    def still(self) -> bool:
        """Returns whether this process holds it at this moment."""


class _OfThisMachine:
    """The lock of a root in a folder: the kernel takes it from nobody."""

    def still(self) -> bool:
        return True


@contextlib.contextmanager
def held(root: Path, run: str) -> Iterator[Hold]:
    """Holds the lock of a pipeline root.

    Args:
        root: The root, or the mirror of one in a store.
        run: What holds it.

    Raises:
        LockedError: Another process holds it; or, of a root in a store, this one was taken for dead and has lost it.
        StorageError: The root cannot be written.
    """
    file, address = root / _NAME, address_of(root)
    require_folder(root, "pipeline root", "name a folder, or a new one, with root", may_be_new=True)
    with locked(file, lambda: _busy(file)) as handle:
        holder = {"pid": os.getpid(), "host": socket.gethostname(), "run": run, "since": time.time()}
        os.ftruncate(handle, 0)
        os.pwrite(handle, json.dumps(holder).encode(), 0)
        try:
            if not in_store(address):
                yield _OfThisMachine()
                return
            from pipeline.runs.lease import Lease

            with Lease(f"{address}/{_NAME}", run).held() as lease:
                yield lease
        finally:
            os.ftruncate(handle, 0)


def running(root: Path) -> str | None:
    """Returns the run that holds the lock of a pipeline root, None if there is none: its process may have been killed.

    Only asks: to take the lock, even for a moment, could refuse a run that starts just then. The holder of a lock on
    another machine cannot be asked for, so it counts as running.
    """
    try:
        value = json.loads((root / _NAME).read_text(encoding="utf-8"))
        run, pid, host, since = str(value["run"]), int(value["pid"]), value["host"], float(value["since"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return run if host != socket.gethostname() or _is_alive(pid, since) else None


def _is_alive(pid: int, since: float) -> bool:
    """Returns whether a process exists that is older than a moment; a younger one has only the same number.

    Reads ``proc_pid_stat(5)``: after the name in parentheses come the state and, 19 fields later, the start in clock ticks
    since the boot.
    """
    try:
        fields = (
            Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        )
        up = float(Path("/proc/uptime").read_text(encoding="ascii").split()[0])
    except OSError:
        return False
    started = time.time() - up + int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return fields[0] != "Z" and started <= since + 1


def _busy(file: Path) -> LockedError:
    return LockedError(
        f"pipeline root {file.parent}",
        expected="no other run at the same time",
        seen=_holder(file),
        remedy="wait for it, stop it, or give this document another root",
    )


def _holder(file: Path) -> str:
    try:
        return _said(file.read_bytes())
    except OSError:
        return "another process"


def _said(holder: bytes) -> str:
    try:
        value = json.loads(holder)
        minutes = (time.time() - value["since"]) / 60
        return f"run {value['run']}, process {value['pid']} on {value['host']}, for {minutes:.0f} min"
    except (ValueError, KeyError, TypeError):
        return "another process"

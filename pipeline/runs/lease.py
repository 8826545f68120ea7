"""The lock of a root in a store: one object, which one process among all machines has, and no dead one keeps.

It is never removed: what it holds says who has it, or that nobody does, and it changes by conditional writes alone, which fail
if another process has changed it since it was read. Whoever has it changes it with every heartbeat.

No clock is compared with another one. A process of this machine and boot is asked for at the kernel. For any other,
whoever wants the lock watches the object for ``SILENT_BEATS`` heartbeats: if it changes, its holder lives; if not, the lock
is taken over by a write that fails if the holder has written meanwhile. A holder that was only stopped for so long, or cut
off from the store, finds out by its next heartbeat, which fails for good, and its run is ended. Between waking up and that
heartbeat two runs may be at work: their executions have outputs of their own, and a push is decided by its own ledger.
"""

from __future__ import annotations

import contextlib
import json
import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from foundation.errors import LockedError, StorageError
from foundation.processes.owner import BEAT_SECONDS, Owner, goes_on
from foundation.storage_remote import Address
from foundation.stores.opening import open_store

log = logging.getLogger(__name__)

SILENT_BEATS = 20
"""After so many heartbeats that did not come, a holder on another machine counts as dead: a store may be busy for a while."""
_ROUNDS = 20
"""So often a process tries to take what another one has left; each time another one was quicker."""
_FREE: dict[str, Any] = {}


class Lease:
    """The lock of one root, for one run.

    Args:
        address: Address of the object.
        run: What wants it.
        seconds: Between two heartbeats.
        pause: Waits for so many seconds.
    """

    def __init__(
        self,
        address: str,
        run: str,
        seconds: float = BEAT_SECONDS,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._address, self._seconds, self._pause = address, seconds, pause
        self._store, self._key = open_store(Address(address))
        self._mine = {**Owner.this().as_json(), "run": run, "since": time.time()}
        self._beats, self._lost = 0, False
        self._writing, self._stopped = threading.Lock(), threading.Event()

    @contextlib.contextmanager
    def held(self) -> Iterator[Lease]:
        """Takes it, and keeps it until the end.

        Raises:
            LockedError: Another process has it, or has taken it over.
            StorageError: The store does not answer, or refuses.
        """
        self._take()
        interrupted = threading.current_thread() is threading.main_thread()
        beating = threading.Thread(target=self._beat, args=(interrupted,), daemon=True)
        beating.start()
        try:
            yield self
        except KeyboardInterrupt as error:
            if self._lost:
                raise self._taken_over() from error
            raise
        finally:
            self._stopped.set()
            beating.join()
            self._release()

    def still(self) -> bool:
        """Returns whether this process has it at this moment, by a heartbeat; one that the store does not take is none."""
        try:
            return self._changed(self._next())
        except StorageError as error:
            log.warning("no heartbeat: %s", error)
            return False

    def _take(self) -> None:
        for _ in range(_ROUNDS):
            mark, holder = self._read()
            if holder and self._lives(holder):
                if self._read()[1]:
                    raise self._busy(holder)
                continue  # it was given back while it was watched
            if self._store.replace(self._key, self._next(), mark):
                return
        raise self._busy(self._read()[1])

    def _lives(self, holder: dict[str, Any]) -> bool:
        with contextlib.suppress(KeyError, TypeError, ValueError):
            if (lives := Owner.from_json(holder).lives_here()) is not None:
                return lives
        seconds = SILENT_BEATS * BEAT_SECONDS
        log.warning("%s: watching for %.0f s whether %s lives", self._address, seconds, _said(holder))
        return goes_on(lambda: self._read()[0], self._pause, SILENT_BEATS)

    def _read(self) -> tuple[str, dict[str, Any]]:
        """Returns the object's mark and who has it; {} where nobody does. What is read is as new as the mark, or newer."""
        entry = self._store.find(self._key)
        data = self._store.get(self._key) if entry else None
        with contextlib.suppress(ValueError):
            found = json.loads(data or b"{}")
            return entry.mark if entry else "", found if isinstance(found, dict) else {"damaged": True}
        return entry.mark if entry else "", {"damaged": True}

    def _next(self) -> bytes:
        self._beats += 1
        return json.dumps({**self._mine, "beat": self._beats}).encode()

    def _changed(self, content: bytes) -> bool:
        """Writes the object if it is ours; returns whether it was."""
        with self._writing:
            mark, holder = self._read()
            ours = {**holder, "beat": 0} == {**self._mine, "beat": 0}
            self._lost = not (ours and self._store.replace(self._key, content, mark))
            return not self._lost

    def _beat(self, interrupts: bool) -> None:
        while not self._stopped.wait(self._seconds):
            if self.still() or not self._lost:
                continue
            log.warning("%s: another process has taken over", self._address)
            if interrupts:
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            return

    def _release(self) -> None:
        if self._lost:
            return
        try:
            self._changed(json.dumps(_FREE).encode())
        except StorageError as error:  # it is free when nobody has heard of this process for a while
            log.warning("the lock stays for now: %s", error)

    def _busy(self, holder: dict[str, Any]) -> LockedError:
        return LockedError(
            f"pipeline root {self._address.rpartition('/')[0]}",
            expected="no other run at the same time, on whichever machine",
            seen=_said(holder),
            remedy="wait for it, stop it, or give this document another root",
        )

    def _taken_over(self) -> LockedError:
        return LockedError(
            f"pipeline root {self._address.rpartition('/')[0]}",
            expected="to hold its lock until the run has ended",
            seen="another process, which has not heard of this one for a while, has taken it over",
            remedy="wait for that run; then 'penstock run' goes on from here",
        )


def _said(holder: dict[str, Any]) -> str:
    try:
        return f"run {holder['run']}, {Owner.from_json(holder)}"
    except (KeyError, TypeError, ValueError):
        return "another process"

"""The heartbeats of a process that works on a node, and the discovery that another one has taken over."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from foundation.errors import PenstockError
from foundation.processes.owner import BEAT_SECONDS
from pipeline.roots.base import Root
from pipeline.task.ledger import Claim

log = logging.getLogger(__name__)


class Pulse:
    """Writes numbered heartbeats until it is stopped.

    A store that does not answer costs a heartbeat, not the node: the work goes on, and the next one is tried.

    Args:
        root: The pipeline root.
        claim: The attempt.
        taken_over: Called once, when another process has begun the next attempt.
        seconds: Between two heartbeats.
    """

    def __init__(
        self, root: Root, claim: Claim, taken_over: Callable[[], None], seconds: float = BEAT_SECONDS
    ) -> None:
        self._root, self._claim, self._taken_over, self._seconds = root, claim, taken_over, seconds
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Pulse:
        """Begins."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stops; the last heartbeat has been written when this returns."""
        self._stopped.set()
        self._thread.join()

    def _beat(self) -> None:
        count = 1
        while not self._stopped.wait(self._seconds):
            count += 1
            try:
                self._root.publish(self._claim.beat, str(count).encode())
                if self._root.exists(self._claim.successor):
                    self._taken_over()
                    return
            except PenstockError as error:
                log.warning("heartbeat %d: %s", count, error)

"""Hands the answers of each tick to all takers; one that fails never stops the others."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable
from typing import Final

log = logging.getLogger(__name__)

_SAY_EVERY: Final = 30.0


class Parts:
    """Calls parts of the machinery; their failures are counted, and said once in a while.

    Args:
        failed: Is told the name of a part that failed.
        clock: Seconds that never run backwards.
    """

    def __init__(
        self, failed: Callable[[str], None] | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._failed, self._clock = failed, clock
        self._said: dict[str, float] = {}
        self.failures: Counter[str] = Counter()
        """Name of a part → how often it failed."""
        self.latest: dict[str, str] = {}
        """Name of a part that does not work at present → what it said."""

    def call(self, name: str, part: Callable[[], object]) -> bool:
        """Calls a part; returns whether it worked."""
        try:
            part()
        except Exception as error:  # noqa: BLE001 - one part must not stop the others, nor the traffic
            self._note(name, error)
            return False
        if self.latest.pop(name, None) is not None:
            log.warning("%s works again", name)
        return True

    def _note(self, name: str, error: Exception) -> None:
        self.failures[name] += 1
        text = f"{type(error).__name__}: {error}"
        now = self._clock()
        if now - self._said.get(name, -_SAY_EVERY) >= _SAY_EVERY:
            self._said[name] = now
            log.error("%s failed (%d times so far): %s", name, self.failures[name], text, exc_info=error)
        self.latest[name] = text
        if self._failed is not None:
            self._failed(name)

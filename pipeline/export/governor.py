"""Keeps the load on the server low: a rate limit, and fewer parallel reads when it answers more slowly."""

from __future__ import annotations

import contextlib
import statistics
import threading
import time
from collections import deque
from collections.abc import Iterator


class RateLimit:
    """Lets at most this many units per second through, in bursts of up to a second's worth; shared by threads."""

    def __init__(self, per_second: float | None) -> None:
        self._rate = per_second
        self._lock = threading.Lock()
        self._free_at = 0.0

    def take(self, units: float, stop: threading.Event) -> None:
        """Waits until the units read fit the rate, or ``stop`` is set."""
        if self._rate is None:
            return
        with self._lock:
            now = time.monotonic()
            self._free_at = max(self._free_at, now) + units / self._rate
            wait = self._free_at - now
        stop.wait(wait)


class Governor:
    """Decides how many ranges are read in parallel, by the server's latency.

    The baseline is the best latency seen. When the median of the last answers is more than twice that, the number is
    halved, down to one with pauses; once latency recovers, it grows by one every sixteen answers.
    """

    WINDOW = 8
    GOOD_BEFORE_MORE = 16
    LONGEST_PAUSE = 5.0
    SLACK = 0.05
    """Seconds by which an answer may always be slower; anything less is network noise."""

    def __init__(self, parallel: int) -> None:
        self.parallel = self.limit = parallel
        self.slowed = 0
        """How often the number was lowered."""
        self._free = threading.Condition()
        self._active = 0
        self._recent: deque[float] = deque(maxlen=self.WINDOW)
        self._best = float("inf")
        self._good = 0
        self._pause = 0.0

    @contextlib.contextmanager
    def turn(self, stop: threading.Event) -> Iterator[None]:
        """Waits for a slot and holds it."""
        stop.wait(self._pause)
        with self._free:
            while self._active >= self.limit and not stop.is_set():
                self._free.wait(0.5)
            self._active += 1
        try:
            yield
        finally:
            with self._free:
                self._active -= 1
                self._free.notify()

    def observe(self, seconds: float) -> None:
        """Records how long one answer took."""
        with self._free:
            self._recent.append(seconds)
            if len(self._recent) < self.WINDOW:
                return
            median = statistics.median(self._recent)
            self._best = min(self._best, median)
            if median > 2 * self._best + self.SLACK:
                self._slow_down(median)
            else:
                self._speed_up()

    def _slow_down(self, median: float) -> None:
        self.slowed += 1
        self._good = 0
        self._recent.clear()
        if self.limit == 1:
            self._pause = min(self.LONGEST_PAUSE, max(median, 2 * self._pause))
        self.limit = max(1, self.limit // 2)

    def _speed_up(self) -> None:
        self._good += 1
        if self._good < self.GOOD_BEFORE_MORE:
            return
        self._good = 0
        if self._pause:
            self._pause = self._pause / 2 if self._pause > 0.1 else 0.0
        elif self.limit < self.parallel:
            self.limit += 1
            self._free.notify()

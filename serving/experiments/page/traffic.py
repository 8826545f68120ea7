"""Requests over time, by arm: counted in memory, added up over all replicas in the store."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from serving.experiments.page.view import TrafficView
from serving.experiments.state.store import StoreAwayError

if TYPE_CHECKING:
    from serving.experiments.contract import Choice, Outcome
    from serving.experiments.state.store import Document, Store

log = logging.getLogger(__name__)
FINEST: Final = 10
"""Seconds of the shortest interval."""
MOST: Final = 240
"""Intervals that are kept; beyond it two become one."""
_EVERY: Final = 10.0
_ATTEMPTS: Final = 20

Counts = Counter[tuple[int, str]]
"""(Beginning of an interval of ``FINEST`` seconds since the epoch, arm) → requests."""


class TrafficHistory:
    """Counts requests and stores them every few seconds.

    Args:
        store: Where all replicas add theirs.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: dict[str, Counts] = {}
        self._lock = threading.Lock()
        self._stored = 0.0

    def take(self, batch: Sequence[tuple[Choice, Outcome]]) -> None:
        """Counts answered requests."""
        with self._lock:
            for choice, outcome in batch:
                counts = self._waiting.setdefault(choice.experiment, Counter())
                counts[int(outcome.began) // FINEST * FINEST, choice.arm] += 1

    def tick(self, now: float) -> None:
        """Stores what was counted, if it is time.

        Args:
            now: A clock in seconds.
        """
        if now - self._stored >= _EVERY:
            self._stored = now
            self.flush()

    def flush(self) -> None:
        """Stores what was counted; what a store that is away does not take waits for the next time."""
        with self._lock:
            waiting, self._waiting = self._waiting, {}
        for experiment, counts in waiting.items():
            try:
                stored = self._add(experiment, counts)
            except StoreAwayError:
                stored = False
            if not stored:
                with self._lock:
                    self._waiting.setdefault(experiment, Counter()).update(counts)

    def _add(self, experiment: str, counts: Counts) -> bool:
        for _ in range(_ATTEMPTS):
            found = self._store.read(traffic_key(experiment))
            version, document = found or (0, {})
            if self._store.write(traffic_key(experiment), added(document, counts), version):
                return True
        return False

    def close(self) -> None:
        """Stores what is left."""
        self.flush()


def traffic_key(experiment: str) -> str:
    """Returns the key of an experiment's traffic in the store."""
    return f"traffic/{experiment}"


def added(document: Document, counts: Counts) -> Document:
    """Returns the stored traffic with further requests, in at most ``MOST`` intervals.

    Args:
        document: ``{step, first, counts: {arm: [requests]}}``, or empty.
        counts: What to add.
    """
    cells: Counter[tuple[int, str]] = Counter(counts)
    step = int(document.get("step", FINEST))
    for arm, series in document.get("counts", {}).items():
        for place, count in enumerate(series):
            cells[int(document["first"]) + place * step, arm] += count
    moments = [moment for moment, _ in cells]
    while (max(moments) // step - min(moments) // step) >= MOST:
        step *= 2
    first = min(moments) // step * step
    series = {arm: [0] * (max(moments) // step - first // step + 1) for arm in sorted({a for _, a in cells})}
    for (moment, arm), count in cells.items():
        series[arm][(moment - first) // step] += count
    return {"step": step, "first": first, "counts": series}


def traffic_view(document: Mapping[str, object] | None, now: float) -> TrafficView | None:
    """Returns the stored traffic for the page, without the interval that is not over yet; None without any.

    Args:
        document: What the store has.
        now: The time, in seconds since the epoch.
    """
    if not document:
        return None
    step, first, counts = document["step"], document["first"], document["counts"]
    assert isinstance(step, int)
    assert isinstance(first, int)
    assert isinstance(counts, dict)
    length = max(map(len, counts.values()), default=0)
    if length > 1 and first + length * step > now:
        length -= 1
    times = [float(first + place * step) for place in range(length)]
    return TrafficView(float(step), times, {arm: series[:length] for arm, series in counts.items()})

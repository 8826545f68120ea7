"""Metric families: one name with labels, and a value for each combination of labels seen.

Recording takes no lock. Adding to a number is not atomic in Python, so each thread adds to its own cells and reading
sums them up. Recording costs a dictionary look-up and an addition.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Callable, Iterable
from typing import Final

BOUNDS: Final = tuple(10 * 1.8**power for power in range(33))
"""Upper bounds of the histogram buckets; the last bucket has none."""
MAX_SERIES: Final = 4096
"""The most label combinations per family; without a limit clients could fill memory with made-up names."""
_OTHER: Final = "(other)"

Labels = tuple[str, ...]


Cells = dict[Labels, list[float]]


class _PerThread(threading.local):
    """The current thread's cells."""

    def __init__(self, register: Callable[[], Cells]) -> None:
        self.cells = register()


class Family:
    """A metric with labels.

    Args:
        name: Such as ``/tensorflow/serving/request_count``.
        labels: The labels' names.
    """

    kind = ""
    _width = 1

    def __init__(self, name: str, labels: Labels = ()) -> None:
        self.name = name
        self.labels = labels
        self._lock = threading.Lock()
        self._threads: list[tuple[threading.Thread, Cells]] = []
        self._ended: Cells = {}
        self._mine = _PerThread(self._register)

    def _register(self) -> Cells:
        """Creates a new thread's cells; merges those of threads that have ended."""
        cells: Cells = {}
        with self._lock:
            alive = [(threading.current_thread(), cells)]
            for thread, theirs in self._threads:
                if thread.is_alive():
                    alive.append((thread, theirs))
                else:
                    _add_up(self._ended, theirs)
            self._threads = alive
        return cells

    def _cell(self, labels: Labels) -> list[float]:
        cells = self._mine.cells
        cell = cells.get(labels)
        if cell is None:
            if len(cells) >= MAX_SERIES:
                labels = (_OTHER,) * len(self.labels)
            cell = cells.setdefault(labels, [0.0] * self._width)
        return cell

    def series(self) -> Cells:
        """Returns the sums over all threads by labels, sorted."""
        sums: Cells = {}
        with self._lock:
            for cells in (self._ended, *(cells for _, cells in self._threads)):
                _add_up(sums, cells)
        return dict(sorted(sums.items()))

    def joined(self, others: Iterable[Cells]) -> Family:
        """Returns this family plus the series of other processes."""
        whole = type(self)(self.name, self.labels)
        for cells in (self.series(), *others):
            _add_up(whole._ended, cells)
        return whole

    def total(self) -> float:
        """Returns the count over all labels."""
        return sum(cell[0] for cell in self.series().values())


def _add_up(sums: Cells, cells: Cells) -> None:
    """Adds cells to sums; threads may keep adding to the cells meanwhile."""
    for labels, cell in list(cells.items()):
        known = sums.get(labels)
        sums[labels] = list(cell) if known is None else [a + b for a, b in zip(known, cell, strict=True)]


class Counter(Family):
    """A number that only grows."""

    kind = "counter"

    def add(self, labels: Labels, count: float = 1) -> None:
        """Adds to the number for these labels."""
        self._cell(labels)[0] += count


class Histogram(Family):
    """Counts of values by bucket: a cell holds the sum, then each bucket's count."""

    kind = "histogram"
    _width = len(BOUNDS) + 2

    def observe(self, labels: Labels, value: float) -> None:
        """Counts one value."""
        cell = self._cell(labels)
        cell[0] += value
        cell[_bucket(BOUNDS, value) + 1] += 1

    def total(self) -> float:
        """Returns how many values were counted."""
        return sum(sum(cell[1:]) for cell in self.series().values())


_bucket = bisect_left

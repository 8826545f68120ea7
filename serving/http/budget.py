"""A budget of bytes that the requests of all connections share, so that no number of clients can exhaust the memory."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Final

_DEFAULT_BYTES: Final = 2 * 1024**3
_CGROUP_LIMITS: Final = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


class Budget:
    """Bytes that may be held at once; thread-safe.

    Args:
        total: The number of bytes.

    Attributes:
        total: The number of bytes.
        taken: How many of them are held now.
        peak: How many were held at most since this was set to ``taken``.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self.taken = self.peak = 0
        self._lock = threading.Lock()

    def take(self, size: int) -> bool:
        """Takes bytes if they are left; returns whether it did."""
        with self._lock:
            if self.taken + size > self.total:
                return False
            self._add(size)
        return True

    def overdraw(self, size: int) -> None:
        """Takes bytes that are held already, whether they are left or not."""
        with self._lock:
            self._add(size)

    def _add(self, size: int) -> None:
        self.taken += size
        self.peak = max(self.peak, self.taken)

    def give(self, size: int) -> None:
        """Gives bytes back."""
        with self._lock:
            self.taken -= size


class Share:
    """What one piece of work holds of a budget; a context manager that gives it back.

    Args:
        budget: The budget.
        beside: What the same request holds elsewhere.
    """

    __slots__ = ("_beside", "_budget", "_held")

    def __init__(self, budget: Budget, beside: int = 0) -> None:
        self._budget = budget
        self._beside = beside
        self._held = 0

    def take(self, size: int) -> bool:
        """Takes more if it is left; returns whether it did."""
        if not self._budget.take(size):
            return False
        self._held += size
        return True

    def fits(self, size: int) -> bool:
        """Returns whether the whole budget could hold this much more for this request alone."""
        return self._beside + self._held + size <= self._budget.total

    def give_back(self) -> None:
        """Gives back everything."""
        held, self._held = self._held, 0
        if held:
            self._budget.give(held)

    def __enter__(self) -> Share:
        return self

    def __exit__(self, *_: object) -> None:
        self.give_back()


def default_bytes() -> int:
    """Returns the default size of a budget: 2 GiB, or half of the memory that this process may use if that is less."""
    return min([_DEFAULT_BYTES, *(limit // 2 for limit in _memory_limits())])


def _memory_limits() -> list[int]:
    limits = []
    for path in _CGROUP_LIMITS:
        try:
            limits.append(int(path.read_text()))
        except (OSError, ValueError):  # No such file, or "max".
            continue
    if hasattr(os, "sysconf"):
        limits.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    return limits

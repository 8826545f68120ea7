"""How many trials run at once: as many as the document says, the cores allow and the memory holds."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from components.tuner.config import TuneConfig

_CPU_LIMIT = Path("/sys/fs/cgroup/cpu.max")


@dataclass(frozen=True)
class Width:
    """How wide a search is.

    Attributes:
        pending: Trials that are proposed before the first of them has ended.
        processes: Processes that fit them; 1 is the search's own.
        threads: TensorFlow's threads in each process.
    """

    pending: int = 1
    processes: int = 1
    threads: int = 1

    @classmethod
    def of(cls, tune: TuneConfig, cores: int) -> Self:
        """Returns the width of a search on a number of cores.

        What the Bayesian oracle proposes depends on how many trials are pending, so for it neither cores nor trials change that
        number, and ``auto`` is 1.
        """
        bayesian = tune.algorithm == "bayesian"
        wanted = (1 if bayesian else cores) if tune.side_by_side == "auto" else tune.side_by_side
        processes = max(1, min(wanted, cores, tune.trials or wanted))
        return cls(wanted if bayesian else processes, processes, max(1, cores // processes))


def cores() -> int:
    """Returns how many cores this process may use, a container's limit among them, rounded up."""
    mine = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(mine, _limit(_CPU_LIMIT) or mine)


def _limit(file: Path) -> int | None:
    try:
        quota, period = file.read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return None
    return max(1, -(-int(quota) // int(period))) if quota.isdigit() else None


@dataclass
class Need:
    """The memory that a process needs, as told by those that have it.

    Attributes:
        size: Bytes that it has for itself once it holds the data; None until the first has told.
        growth: The most bytes that trials have added; None until the first trial has ended.
    """

    size: int | None = None
    growth: int | None = None

    def ready(self, size: int) -> None:
        """Takes note of a process that holds the data."""
        self.size = max(size, self.size or 0)

    def ended(self, growth: int) -> None:
        """Takes note of a trial that has ended."""
        self.growth = max(growth, self.growth or 0)

    def starts(self, available: int | None, starting: int) -> bool:
        """Returns whether another process fits, beside those that do not hold the data yet."""
        return self.size is not None and _fits(self.size * (starting + 1), available)

    def begins(self, available: int | None, growing: int) -> bool:
        """Returns whether another process's first trial fits, beside those that are in their first."""
        return self.growth is not None and _fits(self.growth * (growing + 1), available)


def _fits(need: int, available: int | None) -> bool:
    return available is None or need <= available

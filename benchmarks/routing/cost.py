"""What a load costs each process: CPU time per request, from the scheduler's own count in nanoseconds."""

from __future__ import annotations

import resource
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Cost:
    """One run of the load generator through a data plane.

    Attributes:
        rate: Requests per second.
        p50: Median time of a request in milliseconds.
        p99: The 99th percentile in milliseconds.
        plane_us: CPU time of the data plane's processes per request in microseconds; 0 if there is none.
        backend_us: The same of the backend.
        client_us: The same of the load generator.
    """

    rate: float
    p50: float
    p99: float
    plane_us: float
    backend_us: float
    client_us: float


def cpu_seconds(root: int) -> float:
    """Returns the CPU time of a process and its children so far, over all their living threads."""
    found, nanoseconds = [root], 0
    for pid in found:
        for task in Path(f"/proc/{pid}/task").iterdir():
            nanoseconds += int((task / "schedstat").read_text().split()[0])
            found += [int(child) for child in (task / "children").read_text().split()]
    return nanoseconds / 1e9


def children_seconds() -> float:
    """Returns the CPU time of this process's ended children."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime

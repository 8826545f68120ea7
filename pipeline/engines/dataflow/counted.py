"""What the workers of a job counted, from the service's metrics, in the units of a run's summary."""

from __future__ import annotations

import logging
from collections import Counter
from typing import Any

log = logging.getLogger(__name__)

OURS = "penstock"
"""Namespace of the counters of our own Beam steps."""
_ROWS = "num_instances"
"""What TensorFlow's libraries call the rows that a step has seen."""
_PAID = {
    "TotalVcpuTime": "vCPU seconds",
    "TotalMemoryUsage": "GB seconds of memory",
    "TotalShuffleDataProcessed": "bytes shuffled",
}


def counted(metrics: Any) -> dict[str, int]:
    """Returns what the workers counted; what is paid for is logged.

    Args:
        metrics: The service's ``JobMetrics``. Each metric comes twice, committed and tentative; what bundles that were
            tried again had counted is in the tentative one.
    """
    found: Counter[str] = Counter()
    paid = []
    for metric in metrics.metrics:
        name, context = metric.name.name, metric.name.context
        if context.get("tentative") == "true" or metric.scalar is None:
            continue
        if metric.name.origin == "user" and context.get("namespace") == OURS:
            found[name] += int(metric.scalar)
        elif metric.name.origin == "user" and name == _ROWS:
            found["rows"] += int(metric.scalar)
        elif name in _PAID:
            paid.append(f"{int(metric.scalar):,} {_PAID[name]}")
    if paid:
        log.info("Dataflow: the job took %s", ", ".join(paid))
    return dict(found)

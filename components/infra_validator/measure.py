"""Latency of served models, measured in turn request by request so that machine load affects all equally."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

UNTIMED = 5
"""Untimed requests that warm up connections, caches and lazily built plans."""


@dataclass(frozen=True)
class Latency:
    """Times of requests in milliseconds.

    Attributes:
        requests: Number of timed requests.
        p50: Median.
        p99: 99th percentile.
        times: All of them.
    """

    requests: int
    p50: float
    p99: float
    times: tuple[float, ...] = ()


def alternate(
    asked: Mapping[str, Sequence[Callable[[], object]]],
    requests: int,
    more: int = 0,
    seconds: float = 0.0,
) -> dict[str, Latency]:
    """Sends requests to several models in turn.

    Args:
        asked: Model → functions that each send one request; called in a cycle.
        requests: Number of timed requests to each model.
        more: Number of timed requests to each model if there is time.
        seconds: From then on only ``requests`` are made.

    Returns:
        Model → times.

    Raises:
        CallError: A server refused a request.
    """
    times: dict[str, list[float]] = {model: [] for model in asked}
    names = list(asked)
    end = time.perf_counter() + seconds
    for number in range(-UNTIMED, max(requests, more)):
        if number >= requests and time.perf_counter() > end:
            break
        for model in names if number % 2 else reversed(names):
            send = asked[model][number % len(asked[model])]
            started = time.perf_counter()
            send()
            if number >= 0:
                times[model].append((time.perf_counter() - started) * 1000)
    return {model: summary(found) for model, found in times.items()}


def summary(milliseconds: Sequence[float]) -> Latency:
    """Returns the nearest-rank median and 99th percentile of times."""
    ordered = sorted(milliseconds)
    return Latency(len(ordered), _rank(ordered, 0.5), _rank(ordered, 0.99), tuple(ordered))


def _rank(ordered: Sequence[float], share: float) -> float:
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]

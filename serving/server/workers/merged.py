"""Merges several workers' reports: a version is AVAILABLE only if all of them have it, metrics are summed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from serving.server.metrics.metrics import Snapshot
from serving.server.models.harness import State, VersionStatus
from serving.server.status import Code, ServingError

Statuses = Mapping[int, VersionStatus]
Wire = dict[str, list[tuple[int, int, int, str]]]
"""Model → statuses as plain tuples (version, state, code, message), newest first."""


def merge(views: Iterable[Statuses]) -> list[VersionStatus]:
    """Merges all workers' views of one model.

    Args:
        views: One mapping per worker: version number → status.

    Returns:
        One status for each version known to any worker, newest first.
    """
    every = list(views)
    numbers = sorted({number for view in every for number in view}, reverse=True)
    return [_merged(number, [view.get(number) for view in every]) for number in numbers]


def _merged(number: int, found: list[VersionStatus | None]) -> VersionStatus:
    known = [status for status in found if status is not None]
    error = next((status.error for status in known if status.error), None)
    states = {status.state for status in known}
    if len(known) < len(found) and states != {State.END}:
        states.add(State.START)  # A worker has not seen it yet.
    if len(states) == 1:
        return VersionStatus(number, states.pop(), error)
    if states & {State.START, State.LOADING}:
        return VersionStatus(number, State.LOADING, error)
    if State.UNLOADING in states or error is None:
        return VersionStatus(number, State.UNLOADING, error)
    return VersionStatus(number, State.END, error)


def add_up(total: Snapshot, more: Snapshot) -> None:
    """Adds one process's metrics to a sum."""
    for name, series in more.items():
        sums = total.setdefault(name, {})
        for labels, cell in series.items():
            known = sums.get(labels)
            sums[labels] = list(cell) if known is None else [a + b for a, b in zip(known, cell, strict=True)]


def to_wire(models: Mapping[str, Iterable[VersionStatus]]) -> Wire:
    """Returns statuses in a form that can be sent."""
    return {
        name: [(s.version, int(s.state), int(s.code), s.message) for s in statuses]
        for name, statuses in models.items()
    }


def from_wire(entries: Iterable[tuple[Any, ...]]) -> dict[int, VersionStatus]:
    """Returns one model's statuses from the form they were sent in."""
    return {
        version: VersionStatus(version, State(state), ServingError(Code(code), message) if code else None)
        for version, state, code, message in entries
    }

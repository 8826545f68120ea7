"""The order of loads and unloads of one model: never without an available version while one can be had."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from serving.server.models.harness import Harness, State

if TYPE_CHECKING:
    from collections.abc import Iterable


class Action(NamedTuple):
    """What to do next with one version."""

    harness: Harness
    unload: bool


def next_action(harnesses: Iterable[Harness], now: float) -> Action | None:
    """Chooses a model's next step, as TF Serving's AvailabilityPreservingPolicy does.

    First what is no longer wanted goes, lowest number first, but only when that leaves an available version, or none
    is wanted at all. Then the highest wanted version that was not tried is loaded; then loads that failed and
    are due again.

    Args:
        harnesses: The model's versions.
        now: The monotonic time in seconds.

    Returns:
        The step, or None when there is nothing to do now.
    """
    versions = list(harnesses)
    aspired = [harness for harness in versions if harness.aspired]
    surplus = [h for h in versions if not h.aspired and h.state is State.AVAILABLE]
    safe = not aspired or any(h.state is State.AVAILABLE for h in aspired) or len(surplus) > 1
    if surplus and safe:
        return Action(min(surplus, key=_number), unload=True)
    untried = [h for h in aspired if h.state is State.START]
    due = [h for h in aspired if h.retry_at is not None and h.retry_at <= now]
    for candidates in (untried, due):
        if candidates:
            return Action(max(candidates, key=_number), unload=False)
    return None


def _number(harness: Harness) -> int:
    return harness.version

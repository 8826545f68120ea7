"""The order of a model's loads and unloads: it keeps a version available whenever possible."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from serving.server.models.harness import Harness, State

if TYPE_CHECKING:
    from collections.abc import Iterable


class Action(NamedTuple):
    """The next step for one version."""

    harness: Harness
    unload: bool


def next_action(harnesses: Iterable[Harness], now: float) -> Action | None:
    """Chooses a model's next step, as TF Serving's AvailabilityPreservingPolicy does.

    Unwanted versions are unloaded first, lowest number first, but only if that leaves an available version or none is
    wanted at all. Next the highest wanted version that has not been tried is loaded, then failed loads that are due for
    a retry.

    Args:
        harnesses: The model's versions.
        now: The monotonic time in seconds.

    Returns:
        The step, or None if there is nothing to do now.
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

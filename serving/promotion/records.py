"""What a promotion or a rollback did, for the state, the alert and the lineage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Transition:
    """An arm that answers everything from now on.

    Attributes:
        kind: ``promoted`` or ``rolled_back``.
        experiment: The experiment.
        arm: The arm.
        model: The arm's model at its backend.
        version: Its version; None if it is not known.
        label: The label that was moved; empty if none was.
        before: The version that the label pointed at.
        backends: Where it was moved.
        who: Who asked for it.
        at: When, by the store's clock, in seconds since the epoch.
        verdict: What the statistics said; empty for a rollback.
        anyway: Whether a person overruled that.
    """

    kind: str
    experiment: str
    arm: str
    model: str
    version: int | None
    label: str
    before: int | None
    backends: tuple[str, ...]
    who: str
    at: float
    verdict: str = ""
    anyway: bool = False

    def to_json(self) -> dict[str, Any]:
        """Returns it as plain JSON."""
        return {**asdict(self), "backends": list(self.backends)}


Recorder = Callable[[Transition], str]
"""Writes a transition to the lineage; returns where, in words. What it raises is told, and undoes nothing."""


def promotion_key(experiment: str) -> str:
    """Returns the key of an experiment's last promotion in the store: what a rollback takes back."""
    return f"promotion/{experiment}"

"""The interface for following a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.plan import Plan
    from pipeline.preflight.remarks import Review
    from pipeline.runners.base import Event
    from pipeline.runs.book import RunRecord


class RunListener:
    """A follower of a run; the base class ignores everything."""

    def reviewed(self, review: Review) -> None:
        """Receives what a look at a part of the export found before the run."""

    def planned(self, plan: Plan, closed: list[str], record: RunRecord) -> None:
        """Receives the plan; ``closed`` are nodes that an interrupted run left open."""

    def happened(self, event: Event) -> None:
        """Receives an event of a node."""

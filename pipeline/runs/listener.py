"""Who is told what a run does while it goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.plan import Plan
    from pipeline.runners.base import Event
    from pipeline.runs.book import RunRecord


class RunListener:
    """Is told what a run does; the base class ignores it all."""

    def planned(self, plan: Plan, closed: list[str], record: RunRecord) -> None:
        """The plan is made; ``closed`` are nodes that an interrupted run had left open."""

    def happened(self, event: Event) -> None:
        """Something happened to a node."""

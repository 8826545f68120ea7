"""What a run tells while it goes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pipeline.plan import Plan
from pipeline.runs.book import RunRecord


@dataclass(frozen=True)
class NodeEvent:
    """Something that happened to a node.

    Attributes:
        node: Its id.
        state: ``running``, ``done``, ``cached`` or ``failed``.
        seconds: Wall time, for everything but ``running``.
        execution: Id of its execution in ML Metadata, where there is one.
        counted: How much it worked through, by unit, such as documents or steps.
    """

    node: str
    state: str
    seconds: float = 0.0
    execution: int | None = None
    counted: Mapping[str, int] = field(default_factory=dict)

    @property
    def rate(self) -> str:
        """What was worked through, and how fast: ``12,000 documents, 9,800/s``."""
        told = [f"{n:,} {unit}, {n / max(self.seconds, 1e-3):,.0f}/s" for unit, n in self.counted.items()]
        return "; ".join(told)


class RunListener:
    """Is told what a run does; the base class ignores it all."""

    def planned(self, plan: Plan, closed: list[str], record: RunRecord) -> None:
        """The plan is made; ``closed`` are nodes that an interrupted run had left open."""

    def happened(self, event: NodeEvent) -> None:
        """Something happened to a node."""

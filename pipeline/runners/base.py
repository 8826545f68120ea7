"""The seam between a plan and a place where it runs: a job goes in, events come out, nothing else.

A runner is one file in this folder with a class that has ``execute``, and one line in ``pipeline.orchestrators``. It knows nodes by
their plans and never by their names.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

from components.node import load
from foundation.errors import AnomalyError, PenstockError
from pipeline.orchestrators import ORCHESTRATORS

if TYPE_CHECKING:
    from pipeline.plan import Plan
    from pipeline.runners.job import Job


@dataclass(frozen=True)
class Failure:
    """Why a node, or the run before any node, failed.

    Attributes:
        error: The error as a person reads it.
        trace: The traceback, where there is one.
    """

    error: PenstockError
    trace: str = ""


@dataclass(frozen=True)
class Event:
    """Something that happened in a run.

    Attributes:
        node: Id of the node; empty when it concerns the run as a whole.
        state: What became of it; ``cached`` is an earlier result taken over.
        seconds: Wall time, for everything but ``running``.
        execution: Id of its execution in ML Metadata, where there is one.
        counted: How much it worked through, by unit, such as documents or steps.
        failure: Why it failed, for ``failed``.
    """

    node: str
    state: Literal["running", "done", "cached", "failed"]
    seconds: float = 0.0
    execution: int | None = None
    counted: Mapping[str, int] = field(default_factory=dict)
    failure: Failure | None = None

    @property
    def rate(self) -> str:
        """What was worked through, and how fast: ``12,000 documents, 9,800/s``."""
        told = [f"{n:,} {unit}, {n / max(self.seconds, 1e-3):,.0f}/s" for unit, n in self.counted.items()]
        return "; ".join(told)


Events = Generator[Event, None, None]
"""What a runner yields; closing it ends everything that the runner has started."""


class Runner(Protocol):
    """A place where a graph runs."""

    def execute(self, plan: Plan, job: Job) -> Events:
        """Carries out a plan.

        A failed node is an event, not an exception: what already runs beside it is let finish, and nothing new begins.

        Args:
            plan: What to do with each node.
            job: What the nodes are made from, and where.

        Yields:
            Each node's ``running``, then ``done``, ``cached`` or ``failed``.
        """


class RunFailedError(PenstockError):
    """A run ended because a node failed.

    Args:
        failure: The node's own error and the traceback behind it.
    """

    def __init__(self, failure: Failure) -> None:
        cause = failure.error
        super().__init__(cause.subject, expected=cause.expected, seen=cause.seen, remedy=cause.remedy)
        self.exit_code = cause.exit_code
        self.trace = failure.trace


def runner_for(orchestrator: str) -> Runner:
    """Returns the runner that the document names."""
    runner: Runner = load(ORCHESTRATORS[orchestrator])()
    return runner


def deciding(failures: list[Failure]) -> Failure | None:
    """Returns the failure to tell: the first, unless a gate stopped the run; that explains the failures beside it."""
    gates = [f for f in failures if isinstance(f.error, AnomalyError)]
    return next(iter(gates or failures), None)

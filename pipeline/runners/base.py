"""The interface between a plan and the runner that executes it: a job goes in, events come out, nothing else.

A runner is one file in this folder with a class that has ``execute``, and one line in ``pipeline.orchestrators``.
It knows nodes by their plans, never by their names.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
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
    """Why a node failed, or the run itself before any node started.

    Attributes:
        error: The error as shown to the user.
        trace: The traceback, if there is one.
    """

    error: PenstockError
    trace: str = ""


@dataclass(frozen=True)
class Event:
    """An event in a run.

    Attributes:
        node: Id of the node; empty if the event concerns the whole run.
        state: The node's new state; ``cached`` means that an earlier result is reused.
        seconds: Wall time, for every state but ``running``.
        execution: Id of its execution in ML Metadata, if there is one.
        counted: How much it processed, by unit, such as documents or steps.
        withheld: What it did not do although it is ``done``, such as ``nothing pushed``; may be empty.
        decided: What it decided and why, in short, such as the verdict; may be empty.
        failure: Why it failed, for ``failed``.
        progress: How far it is, for ``running``: ``epoch``, ``epochs``, ``loss``, ``val_loss`` and the like.
        cpu: User and system seconds of its process and all that this started, for ``done``; 0 where nobody counts them.
    """

    node: str
    state: Literal["running", "done", "cached", "failed"]
    seconds: float = 0.0
    execution: int | None = None
    counted: Mapping[str, int] = field(default_factory=dict)
    withheld: str = ""
    decided: str = ""
    failure: Failure | None = None
    progress: Mapping[str, float] = field(default_factory=dict)
    cpu: float = 0.0

    @property
    def how_far(self) -> str:
        """How far it is, in words: ``epoch 3 of 8, loss 0.41, val_loss 0.43``; empty if it did not tell."""
        return how_far(self.progress)

    @property
    def remark(self) -> str:
        """What to say of it when it is done: what it did not do, what it decided, or how fast it was."""
        return self.withheld or self.decided or self.rate

    @property
    def rate(self) -> str:
        """How much was processed, and how fast: ``12,000 documents, 9,800/s; 3 quarantined``."""
        counted = [(f"{number:,} {unit}", number) for unit, number in self.counted.items() if number]
        if not counted:
            return ""
        (first, number), *others = counted  # how fast the rest was is nobody's question
        rate = round(number / max(self.seconds, 1e-3))
        return "; ".join([first + (f", {rate:,}/s" if rate else ""), *(one for one, _ in others)])


def how_far(progress: Mapping[str, float]) -> str:
    """Returns progress in words; counts come as pairs, ``epoch`` of ``epochs``, everything else as it is."""
    said = []
    for name, value in progress.items():
        if name + "s" in progress:
            said.append(f"{name} {value:,.0f} of {progress[name + 's']:,.0f}")
        elif name.removesuffix("s") not in progress or not name.endswith("s"):
            said.append(f"{name} {value:.4g}")
    return ", ".join(said)


Events = Generator[Event, None, None]
"""The events a runner yields; closing it ends everything the runner started."""


class Standby(Protocol):
    """A process that a runner keeps for the next run; its text says what it is doing."""

    def end(self) -> str:
        """Ends it; returns what was done."""


class Runner(Protocol):
    """A way to run a graph."""

    def standing(self) -> Sequence[Standby]:
        """Returns the processes that are kept between runs, of this environment and user."""

    def prepare(self) -> None:
        """Begins what takes long and does not depend on the plan, without waiting; ``execute`` may follow or not."""

    def execute(self, plan: Plan, job: Job) -> Events:
        """Executes a plan.

        A failed node is an event, not an exception: nodes that are already running finish, and no new ones start.

        Args:
            plan: What to do with each node.
            job: The document, its inputs and its folders.

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
    """Returns the failure to report: the first, unless a gate stopped the run, which explains the other failures."""
    gates = [f for f in failures if isinstance(f.error, AnomalyError)]
    return next(iter(gates or failures), None)

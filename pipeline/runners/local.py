"""Runs a plan on this machine: two worker processes, each node as soon as what it needs is there."""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from foundation.errors import AnomalyError, NodeError, PenstockError
from pipeline.plan import NodePlan, Plan
from pipeline.runners.events import NodeEvent
from pipeline.runners.job import Job
from pipeline.runners.process import WorkerProcess, rebuilt_error

WORKERS = 2


Listener = Callable[[NodeEvent], None]


@dataclass
class _State:
    waiting: list[NodePlan]
    done: set[str] = field(default_factory=set)
    busy: dict[int, tuple[NodePlan, float]] = field(default_factory=dict)
    error: PenstockError | None = None
    failed: list[str] = field(default_factory=list)


class RunFailedError(PenstockError):
    """A run ended because a node failed.

    Args:
        cause: The node's own error.
        trace: The traceback from the worker.
    """

    def __init__(self, cause: PenstockError, trace: str) -> None:
        super().__init__(cause.subject, expected=cause.expected, seen=cause.seen, remedy=cause.remedy)
        self.exit_code = cause.exit_code
        self.trace = trace


def run_plan(job: Job, plan: Plan, run_folder: Path, listener: Listener) -> None:
    """Carries out a plan.

    Args:
        job: The run.
        plan: What to do with each node.
        run_folder: Folder of this run's job file and log.
        listener: Told of everything that happens to nodes.

    Raises:
        RunFailedError: A node failed; the ones that already ran beside it were let finish.
    """
    job_file, log_file = run_folder / "job.json", run_folder / "log.txt"
    job.write(job_file)
    todo = [n for n in plan.nodes if n.action != "skip"]
    count = WORKERS if len(plan.to_run) > 1 else 1
    with log_file.open("ab") as log:
        workers = [WorkerProcess(job_file, log, run_folder) for _ in range(count)]
        try:
            _Loop(workers, todo, listener).run()
        finally:
            for worker in workers:
                worker.end()


class _Loop:
    """Hands nodes to idle workers until all are done or one has failed."""

    def __init__(self, workers: Sequence[WorkerProcess], todo: list[NodePlan], listener: Listener) -> None:
        self._workers, self._listener = workers, listener
        self._state = _State(waiting=todo)
        self._idle: set[int] = set()
        self._trace = ""
        self._warmed: set[str] = set()

    def run(self) -> None:
        alive = set(range(len(self._workers)))
        while self._state.waiting or self._state.busy:
            if self._state.error and not self._state.busy:
                break
            readable, _, _ = select.select([self._workers[i] for i in alive], [], [])
            for worker in readable:
                index = self._workers.index(worker)
                self._hear(index, worker.answer(), alive)
            self._hand_out()
        if self._state.error:
            raise RunFailedError(self._state.error, self._trace)

    def _hear(self, index: int, answer: dict[str, Any] | None, alive: set[int]) -> None:
        plan, started = self._state.busy.pop(index, (None, 0.0))
        seconds = time.monotonic() - started
        if answer is None:
            alive.discard(index)
            node = plan.node.id if plan else "start"
            code = self._workers[index].exit_code
            error: PenstockError = NodeError(
                f"node {node}: its process ended",
                seen=f"exit code {code}",
                remedy="read the run's log; is memory short?",
            )
            self._fail(plan, error, "", seconds)
        elif "failed" in answer:
            self._idle.add(index)
            self._fail(plan, rebuilt_error(answer), answer["traceback"], seconds)
        else:
            self._idle.add(index)
            if plan:
                self._state.done.add(plan.node.id)
                state = "cached" if plan.action == "cached" else "done"
                counted = answer.get("counted", {})
                self._listener(NodeEvent(plan.node.id, state, seconds, answer.get("execution"), counted))

    def _fail(self, plan: NodePlan | None, error: PenstockError, trace: str, seconds: float) -> None:
        if plan:
            self._listener(NodeEvent(plan.node.id, "failed", seconds))
        # A gate that stops explains the failures beside it; it is the one to tell.
        if self._state.error is None or isinstance(error, AnomalyError):
            self._state.error, self._trace = error, trace

    def _hand_out(self) -> None:
        for index in sorted(self._idle):
            plan = self._next()
            if plan is None:
                self._warm(index)
                continue
            self._idle.discard(index)
            self._state.waiting.remove(plan)
            self._state.busy[index] = (plan, time.monotonic())
            if plan.action == "cached":
                self._workers[index].ask({"reuse": plan.node.id, "execution": plan.execution})
            else:
                self._listener(NodeEvent(plan.node.id, "running"))
                self._workers[index].ask({"run": plan.node.id})

    def _next(self) -> NodePlan | None:
        if self._state.error:
            return None
        ready = [n for n in self._state.waiting if self._is_ready(n)]
        return ready[0] if ready else None

    def _is_ready(self, plan: NodePlan) -> bool:
        needed = {*plan.node.inputs, *plan.node.after}
        return not any(n.node.id in needed for n in self._state.waiting) and not any(
            n.node.id in needed for n, _ in self._state.busy.values()
        )

    def _warm(self, index: int) -> None:
        """Lets an idle worker import what the next heavy node needs."""
        upcoming = [
            n.node.id for n in self._state.waiting if n.action == "run" and n.node.id not in self._warmed
        ]
        if not upcoming or self._state.error:
            return
        self._warmed.add(upcoming[0])
        self._idle.discard(index)
        self._workers[index].ask({"warm": upcoming[0]})

"""Runs a plan on this machine: two worker processes, each node as soon as its inputs are ready.

TensorFlow and TFX are loaded only in the workers. The first worker that is ready compiles the pipeline, which needs the
same imports as its nodes; the parent stays light, and both workers run nodes from that one result.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from foundation.errors import NodeError
from pipeline.plan import NodePlan, Plan
from pipeline.runners.base import Event, Events, Failure, Standby
from pipeline.runners.beam import outlives
from pipeline.runners.forking import prepare, starter
from pipeline.runners.job import Job
from pipeline.runners.process import rebuilt_error
from pipeline.runners.zygote.client import standing

WORKERS = 2
GRACE = 10.0
"""Seconds that a worker has to cancel what would go on without it, such as a job of Dataflow."""
_TOLD = ("counted", "withheld", "decided", "cpu")
"""What a worker may say of a node that is done, as ``Event`` has it."""


class Worker(Protocol):
    """A process that answers requests one by one; the first answer means that it has started."""

    def fileno(self) -> int:
        """Returns the descriptor that becomes readable when an answer arrives."""

    def ask(self, request: dict[str, Any]) -> None:
        """Sends a request."""

    def answer(self) -> dict[str, Any] | None:
        """Waits for one answer; None when the process has died."""

    def terminate(self, seconds: float) -> None:
        """Asks the process to close what it has begun, and waits for its end for so many seconds; ``end`` follows."""

    def end(self) -> None:
        """Ends the process and everything it started."""

    @property
    def exit_code(self) -> int | None:
        """The exit code of a dead worker, negative for a signal."""


class LocalRunner:
    """Runs a plan in worker processes.

    Args:
        start: Starts one worker for a job; by default, forked from a zygote or plain, as ``forking.starter`` decides.
    """

    def __init__(self, start: Callable[[Job], Worker] | None = None) -> None:
        self._start = start

    def standing(self) -> Sequence[Standby]:
        """Returns the zygotes, see ``Runner.standing``."""
        return standing()

    def prepare(self) -> None:
        """Starts the zygote, see ``Runner.prepare``."""
        prepare()

    def execute(self, plan: Plan, job: Job) -> Events:
        """Executes a plan, see ``Runner.execute``."""
        job.write()
        start = self._start or starter(job)
        count = WORKERS if len(plan.to_run) > 1 else 1
        with ExitStack() as stack:
            workers = []
            for _ in range(count):
                workers.append(start(job))
                stack.callback(workers[-1].end)
            loop = _Loop(workers, plan.needed)
            try:
                yield from loop.events()
            except BaseException:  # Ctrl-C, SIGTERM, or whatever else ends the run in the midst of it
                loop.close(partial(outlives, job))
                raise


@dataclass(frozen=True)
class _Task:
    """What a worker is doing: running a node, reusing several or, without any, starting, compiling or preparing itself."""

    nodes: tuple[NodePlan, ...] = ()
    compiles: bool = False
    warms: str = ""
    since: float = 0.0


class _Loop:
    """Hands nodes to idle workers until all are done, or one has failed and the others have finished."""

    def __init__(self, workers: Sequence[Worker], todo: list[NodePlan]) -> None:
        self._workers, self._waiting = workers, todo
        self._nodes = [n.node.id for n in todo]
        self._busy = {index: _Task() for index in range(len(workers))}
        self._alive = set(self._busy)
        self._warmed: set[str] = set()
        self._prepared: dict[int, str] = {}
        self._standing: set[int] = set()
        self._compiled = self._failed = False

    def events(self) -> Iterator[Event]:
        while self._goes_on():
            readable, _, _ = select.select([self._workers[i] for i in self._alive], [], [])
            for index in sorted(self._alive):
                if self._workers[index] in readable:
                    yield from self._hear(index)
            yield from self._hand_out()

    def close(self, outlives: Callable[[str], bool]) -> None:
        """Gives workers time to cancel what would go on without them.

        Args:
            outlives: Whether steps of a node would, given its id.
        """
        for index in sorted(self._alive & set(self._busy)):
            if any(plan.action == "run" and outlives(plan.node.id) for plan in self._busy[index].nodes):
                self._workers[index].terminate(GRACE)

    def _goes_on(self) -> bool:
        at_work = any(task.nodes for task in self._busy.values())
        return bool(self._alive) and (at_work or (bool(self._waiting) and not self._failed))

    def _hear(self, index: int) -> Iterator[Event]:
        answer = self._workers[index].answer()
        if answer is not None and "progress" in answer:
            yield from (
                Event(n.node.id, "running", progress=answer["progress"]) for n in self._busy[index].nodes
            )
            return
        task = self._busy.pop(index)
        node = task.nodes[0].node.id if task.nodes else ""
        seconds = time.monotonic() - task.since
        if answer is None:
            self._alive.discard(index)
            failure = Failure(self._death(index, node))
        elif "failed" in answer:
            failure = Failure(rebuilt_error(answer), answer["traceback"])
        else:
            self._compiled |= task.compiles
            if task.compiles or any(plan.action == "cached" for plan in task.nodes):
                self._standing.add(index)
            if task.warms:
                self._note_warmed(index, task.warms, answer)
            yield from _finished(task, answer, seconds)
            return
        self._failed = True
        yield Event(node, "failed", seconds, failure=failure)

    def _death(self, index: int, node: str) -> NodeError:
        return NodeError(
            f"node {node or 'start'}: its process ended",
            seen=f"exit code {self._workers[index].exit_code}",
            remedy="read the run's log; check whether memory ran out",
        )

    def _hand_out(self) -> Iterator[Event]:
        for index in sorted(self._alive - set(self._busy)):
            if self._failed:
                return
            if not self._compiled:
                self._prepare(index)
            elif plan := self._next(index):
                yield from self._begin(index, plan)
            else:
                self._warm(index)

    def _next(self, index: int) -> NodePlan | None:
        """Returns a node for an idle worker: the one that it is prepared for, else one that no other is or soon will be.

        A worker whose process has compiled or reused is as good for a node without TensorFlow: it has met the store.
        """
        at_work = {other for other, task in self._busy.items() if task.nodes or task.compiles}
        others = {self._prepared.get(other) for other in self._alive - at_work - {index}}
        ready = [n for n in self._waiting if self._is_ready(n)]
        if index in self._standing:
            others -= {n.node.id for n in ready if not n.node.declared.tensorflow}
        own = [n for n in ready if n.node.id == self._prepared.get(index)]
        return next(iter([*own, *(n for n in ready if n.node.id not in others)]), None)

    def _prepare(self, index: int) -> None:
        if any(task.compiles for task in self._busy.values()):
            self._warm(index)
        else:
            self._give(index, {"compile": self._nodes}, _Task(compiles=True))

    def _begin(self, index: int, plan: NodePlan) -> Iterator[Event]:
        if plan.action == "cached":
            batch = self._cached_from(plan)
            reuse = {n.node.id: n.execution for n in batch}
            self._give(index, {"reuse": reuse}, _Task(tuple(batch), since=time.monotonic()))
        else:
            self._waiting.remove(plan)
            if not plan.node.resolver:  # a look-up leaves the process as it is
                self._prepared.pop(index, None)
                self._standing.discard(index)
            yield Event(plan.node.id, "running")
            self._give(index, {"run": plan.node.id}, _Task((plan,), since=time.monotonic()))

    def _cached_from(self, first: NodePlan) -> list[NodePlan]:
        """Takes all waiting nodes that can be reused together with a first one: each needs only what is done or among them."""
        batch = [first]
        self._waiting.remove(first)
        for plan in list(self._waiting):
            if plan.action == "cached" and self._is_ready(plan):
                batch.append(plan)
                self._waiting.remove(plan)
        return batch

    def _is_ready(self, plan: NodePlan) -> bool:
        """Returns whether nothing that a node needs is waiting or at work."""
        at_work = {n.node.id for task in self._busy.values() for n in task.nodes}
        open_nodes = at_work | {n.node.id for n in self._waiting}
        return open_nodes.isdisjoint({*plan.node.inputs, *plan.node.after})

    def _warm(self, index: int) -> None:
        """Has an idle worker prepare itself for the next node that runs, unless it is ready for one."""
        if index in self._prepared:
            return
        others = {self._prepared.get(other) for other in self._alive}
        for plan in self._waiting:
            node, module = plan.node.id, _module(plan)
            if plan.action == "run" and module not in self._warmed and node not in others:
                self._warmed.add(module)
                self._prepared[index] = node
                self._give(index, {"warm": node}, _Task(warms=module))
                return

    def _note_warmed(self, index: int, module: str, answer: dict[str, Any]) -> None:
        """Takes note whether a worker is ready for its node, or has only imported it and may import the next."""
        if answer.get("ready"):
            self._warmed.discard(module)  # another process is forked for it if this one gets another node
        else:
            self._prepared.pop(index, None)

    def _give(self, index: int, request: dict[str, Any], task: _Task) -> None:
        self._busy[index] = task
        self._workers[index].ask(request)


def _module(plan: NodePlan) -> str:
    return plan.node.declared.build.partition(":")[0]


def _finished(task: _Task, answer: dict[str, Any], seconds: float) -> Iterator[Event]:
    """Yields what has become of a task's nodes."""
    for plan in task.nodes:
        node = plan.node.id
        if plan.action == "cached":
            yield Event(node, "cached", seconds / len(task.nodes), answer["executions"][node])
        else:
            told = {key: answer[key] for key in _TOLD if key in answer}
            yield Event(node, "done", seconds, answer["execution"], **told)

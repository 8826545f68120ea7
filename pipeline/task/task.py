"""One node of one run in one process: what every scheduler starts, and nothing else.

The same run and node again returns the result if there is one, refuses while another process is at work, and otherwise
takes up what an earlier attempt left: never a second artifact.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from foundation.errors import LockedError, NodeError, PenstockError, SpecError, near_miss
from foundation.publish import require_folder
from pipeline.bundle.binding import Bound
from pipeline.bundle.reading import Bundle, open_bundle
from pipeline.lineage.changes import cancel
from pipeline.roots.base import Root
from pipeline.roots.opening import open_root
from pipeline.task.ended import Ended
from pipeline.task.exits import code_of
from pipeline.task.ledger import Claim, Ledger, Standing
from pipeline.task.outcome import Outcome
from pipeline.task.planned import Planned, obtain
from pipeline.task.pulse import Pulse
from pipeline.task.record import is_finished, standings, write_record
from pipeline.task.request import Request
from pipeline.task.signals import Terminated, deaf
from pipeline.task.work import Work

log = logging.getLogger(__name__)

_TOLD = ("execution", "cpu", "counted", "withheld", "decided", "model")
"""What the work may say of a node that is done, as ``Ended`` has it."""


class Task:
    """One node of one run.

    Args:
        request: What is asked.
        began: When this process began, on ``time.monotonic``.
        work: The process that works, which has been started for this node.
    """

    def __init__(self, request: Request, began: float, work: Work) -> None:
        self._request, self._began, self._work = request, began, work
        self._overhead = 0.0
        self._span: int | None = request.span
        self._report = ""
        self._secrets: tuple[str, ...] = ()

    def perform(self) -> Outcome:
        """Runs the node, or says why it did not; only an internal error is raised."""
        try:
            ended = self._perform()
        except Terminated as error:
            ended = Ended("failed", error=str(error), code=error.code)
        except PenstockError as error:
            ended = Ended("failed", error=str(error), code=code_of(error))
        return Outcome(ended, self._span, self._report, self._secrets)

    def _perform(self) -> Ended:
        request = self._request
        bundle = open_bundle(request.bundle)
        _check_node(bundle, request.node)
        require_folder(request.home, "home", "name the folder that the data's paths start from with --home")
        root = open_root(request.root or bundle.sidecar.root, request.home)
        self._report = f"{root.uri}/{request.run_folder}/report.html#{request.node}"
        planned, bound = obtain(root, bundle, request)
        self._span = planned.span
        database = bound.job.document.metadata.mysql or bound.job.document.metadata.postgresql
        self._secrets = (database.password_env,) if database else ()
        if request.node not in planned.needed:
            return Ended("skipped", decided=_why_skipped(planned, request.node))
        return _Attempt(self, self._work, root, planned, bound).ended()

    def begins(self, cpu: float) -> None:
        """Takes note that the executor begins.

        Args:
            cpu: CPU seconds of the process that works until then.
        """
        self._overhead = self.seconds
        both = cpu + time.process_time()
        log.info("%s begins after %.2f s, %.2f s of CPU", self._request.node, self._overhead, both)

    @property
    def request(self) -> Request:
        """What is asked."""
        return self._request

    @property
    def overhead(self) -> float:
        """Seconds from the start of the process until the executor began."""
        return self._overhead

    @property
    def seconds(self) -> float:
        """Seconds since the start of the process."""
        return time.monotonic() - self._began


class _Attempt:
    """A needed node of a run that is known."""

    def __init__(self, task: Task, work: Work, root: Root, planned: Planned, bound: Bound) -> None:
        self._task, self._work, self._root = task, work, root
        self._planned, self._bound = planned, bound
        self._request = task.request
        self._plan = planned.record.node(self._request.node)
        self._taken_over = False

    def ended(self) -> Ended:
        """Takes the node's next attempt and carries it out, or returns how it was done."""
        now = standings(self._root, self._request.run_folder)
        upstream = _upstream(self._planned, self._request.node, now)
        ledger = Ledger(self._root, self._request.run_folder, self._request.node)
        claim = ledger.claim(
            lambda done: self._is_outdated(done, upstream), self._request.attempt, self._request.wait
        )
        if isinstance(claim, Standing):
            assert claim.done is not None, "a claim returns only how a node was done"
            if not is_finished(self._root, self._request):
                self._finish()  # the process that was last may have been killed before it did
            return claim.done
        results = {node: one.result for node, one in now.items()} | {self._request.node: claim.result}
        end = self._carried_out(claim, results)
        end = replace(end, attempt=claim.attempt, upstream=upstream, asked=self._request.attempt)
        with deaf():
            self._root.publish(claim.end, end.to_bytes())
            self._finish()
        return end

    def _finish(self) -> None:
        # Reports are loaded when there is something to report.
        from pipeline.task.finishing import finished

        finished(self._root, self._request, self._planned, self._bound)

    def _is_outdated(self, done: Ended, upstream: Mapping[str, int]) -> bool:
        """Returns whether a result is wanted anew: by a person, or since what it was made of has been made anew."""
        request = self._request
        wanted = request.again and not (request.attempt and request.attempt == done.asked)
        cleared = request.again_after is not None and done.asked <= request.again_after
        return wanted or cleared or dict(done.upstream) != dict(upstream)

    def _carried_out(self, claim: Claim, results: Mapping[str, int]) -> Ended:
        started = time.time()
        try:
            write_record(self._root, self._request, self._planned)
            with Pulse(self._root, claim, self._give_up):
                answer = self._work.carry_out(
                    self._bound.job, self._bound.json(), self._asked(claim, results), self._task.begins
                )
        except PenstockError as error:
            error = _taken_over(self._request.node) if self._taken_over else error
            return self._ended("failed", started, error=str(error), code=code_of(error))
        except Terminated as error:
            with deaf():
                self._close()
            return self._ended("failed", started, error=str(error), code=error.code)
        if "executions" in answer:
            return self._ended("cached", started, execution=answer["executions"][self._request.node])
        told = {key: answer[key] for key in _TOLD if key in answer}
        return self._ended("done", started, **told)

    def _ended(self, state: Any, started: float, **told: Any) -> Ended:
        return Ended(state, started=started, seconds=self._task.seconds, overhead=self._task.overhead, **told)

    def _asked(self, claim: Claim, results: Mapping[str, int]) -> dict[str, Any]:
        """Returns the request for the worker; a result that a person wants anew is never a reused one."""
        node = self._request.node
        reuses = self._plan.action == "cached" and claim.result == 1
        what = {"reuse": {node: self._plan.execution}} if reuses else {"run": node}
        return {
            **what,
            "attempt": claim.attempt,
            "results": dict(results),
            "root": self._root.uri,
            "successor": claim.successor,
        }

    def _give_up(self) -> None:
        self._taken_over = True
        self._work.kill()

    def _close(self) -> None:
        """Ends the work and closes its execution."""
        self._work.cancel()
        self._work.kill()
        job = self._bound.job
        closed = cancel(job.document.metadata, job.root, job.run, self._request.node)
        log.info("%s: execution %s cancelled", self._request.node, closed or "none")


def _check_node(bundle: Bundle, node: str) -> None:
    known = [one.id for one in bundle.sidecar.nodes]
    if node not in known:
        raise SpecError(
            f"--node {node}",
            expected=f"one of {', '.join(known)}",
            seen=near_miss(node, known) or node,
        )


def _why_skipped(planned: Planned, node: str) -> str:
    found = next((one for one in planned.record.nodes if one.node == node), None)
    if found is None:
        return "not part of this run"
    return "no node that runs reads it" if found.action == "resolve" else found.reason


def _upstream(planned: Planned, node: str, now: Mapping[str, Standing]) -> dict[str, int]:
    """Returns the executions that a node's inputs come from.

    Raises:
        NodeError: One of the nodes before it is not done.
    """
    found = {}
    for before in planned.after[node]:
        end = now[before].done if before in now else None
        if end is None:
            seen = "failed or at work" if before in now else "not begun"
            remedy = f"run node {before} of this run first"
            raise NodeError(f"node {node}", expected=f"{before} to be done", seen=seen, remedy=remedy)
        found[before] = end.execution or 0
    return found


def _taken_over(node: str) -> LockedError:
    return LockedError(
        f"node {node}",
        expected="to be the only process at this node of the run",
        seen="another one, which took this one for dead",
        remedy="leave it to that one",
    )

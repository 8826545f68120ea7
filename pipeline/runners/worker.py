"""A process that runs nodes, one at a time, as its parent requests over a pipe.

Only these processes load TensorFlow: commands respond at once, two cores are used where the graph allows, and a node
that kills its process leaves the run's records intact. Requests and answers are one JSON object per line:
``{"run": node}``, ``{"reuse": {node: execution}}`` and ``{"warm": node}``, answered by ``{"done": …}`` or
``{"failed": …}``; before that, ``{"progress": …}`` tells how far a node is. A run with an ``attempt`` says ``{"begins": node}``
when the node's executor begins, and what the process had spent by then.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from functools import cached_property, partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from foundation import progress
from foundation.errors import LockedError, NodeError, PenstockError, StorageError, told_in
from foundation.own_fault import failed_in_graph, fault, own_place, text_of
from foundation.processes.children import cpu_seconds
from foundation.processes.importing import uncollected
from pipeline.roots.opening import open_root
from pipeline.runners.job import Job

if TYPE_CHECKING:
    from pipeline.runners.node_executor import NodeExecutor
    from pipeline.runners.operators import Asked

_TOLD = ("components", "foundation", "pipeline")
"""Packages whose notes go into the run's log."""


def serve_forked() -> int:
    """Serves requests in a process that a zygote has forked; its arguments are those of ``main``."""
    _, job_file, requests, answers = sys.argv
    main(job_file, int(requests), int(answers))
    return 0


def main(job_file: str, requests_fd: int, answers_fd: int) -> None:
    """Serves requests until the parent closes the pipe; then ends together with everything it started."""
    _let_ours_tell()
    signal.signal(signal.SIGTERM, _terminate)
    requests: list[dict[str, Any]] = []
    arrived = threading.Condition()
    threading.Thread(target=_listen, args=(requests_fd, requests, arrived), daemon=True).start()
    with os.fdopen(answers_fd, "w", encoding="utf-8") as answers:
        work = _Work(Path(job_file), lambda message: _answer(answers, message))
        _answer(answers, {"done": "start"})
        progress.use(lambda numbers: _answer(answers, {"progress": dict(numbers)}))
        while True:
            with arrived:
                arrived.wait_for(lambda: bool(requests))
                request = requests.pop(0)
            _answer(answers, work.serve(request))


def _let_ours_tell() -> None:
    """Has the run's log say what our own packages do, beside the warnings of all others."""
    logging.basicConfig()
    for package in _TOLD:
        logging.getLogger(package).setLevel(logging.INFO)


class Terminated(BaseException):
    """The process has been asked to end; what has begun is closed on the way out."""


def _terminate(number: int, frame: object) -> None:
    raise Terminated("ended by SIGTERM")


def _listen(fd: int, requests: list[dict[str, Any]], arrived: threading.Condition) -> None:
    with os.fdopen(fd, encoding="utf-8") as lines:
        for line in lines:
            with arrived:
                requests.append(json.loads(line))
                arrived.notify()
    # The parent is gone, perhaps killed: nothing may keep writing, so end the whole process group now.
    os.killpg(0, signal.SIGKILL)


class _Work:
    """Serves the requests of one job; each request's imports are deferred until it arrives."""

    def __init__(self, job_file: Path, tell: Callable[[dict[str, Any]], None] = lambda message: None) -> None:
        self._job_file, self._tell = job_file, tell

    @cached_property
    def _job(self) -> Job:
        return Job.read(self._job_file)

    @cached_property
    def _executor(self) -> NodeExecutor:
        with uncollected():
            from pipeline.lineage.store import connection_config
            from pipeline.runners.beam import beam_of, works_elsewhere
            from pipeline.runners.node_executor import NodeExecutor, read_ir

        connection = connection_config(self._job.document.metadata, self._job.root)
        beam, elsewhere = partial(beam_of, self._job), partial(works_elsewhere, self._job)
        return NodeExecutor(read_ir(self._job), connection, beam, elsewhere)

    def serve(self, request: dict[str, Any]) -> dict[str, Any]:
        """Returns the answer to a request."""
        kind = next(iter(request))
        try:
            return {"done": request[kind], **getattr(self, f"_{kind}")(request)}
        except Terminated:
            sys.exit(128 + signal.SIGTERM)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - becomes the answer; own code may call sys.exit
            asked = request[kind]
            node = asked if kind == "run" else ", ".join(asked) if kind == "reuse" else "start"
            own = None if our_error(error) else own_code_fault(self._own_code(node), error)
            return _failure(node, error, own)

    def _own_code(self, node: str) -> list[str]:
        """Returns the references to own code in the document, those of the node itself first."""
        from pipeline.nodes import NODES

        if not self._job_file.is_file():
            return []
        document, inputs = self._job.document, self._job.inputs
        declared = [one for one in NODES if one.when(document, inputs)]
        named = [one.user_code(document, inputs) for one in sorted(declared, key=lambda one: one.id != node)]
        return list(dict.fromkeys(reference for references in named for reference in references))

    def _compile(self, request: dict[str, Any]) -> dict[str, Any]:
        with uncollected():  # the imports of all nodes, and next to nothing else
            from pipeline.runners.compile import write_ir

            write_ir(self._job, request["compile"])
        return {}

    def _warm(self, request: dict[str, Any]) -> dict[str, Any]:
        from pipeline.nodes import NODES

        build = next(node.build for node in NODES if node.id == request["warm"])
        with uncollected():
            importlib.import_module(build.partition(":")[0])
        return {}

    def _ready(self, request: dict[str, Any]) -> dict[str, Any]:
        """Imports what a node needs, so that it begins at once when it is asked for.

        Args:
            request: ``ready``: the node; ``ir``: the compiled pipeline as proto-JSON, which names its executor.
        """
        with uncollected():
            from pipeline.runners.node_executor import import_executor

            import_executor(Path(request["ir"]), request["ready"])
        return {}

    def _first_op(self, request: dict[str, Any]) -> dict[str, Any]:
        import tensorflow as tf

        tf.constant(1) + tf.constant(1)
        return {}

    def _run(self, request: dict[str, Any]) -> dict[str, Any]:
        before = cpu_seconds()
        node = request["run"]
        self._executor.tell_apart(request.get("results", {}))
        execution = self._executor.run(node, self._asked(request))
        told = self._executor.told(node, execution)
        if "attempt" in request:
            told["model"] = self._executor.model_of(execution)
        return {"execution": execution, "cpu": round(cpu_seconds() - before, 3), **told}

    def _asked(self, request: dict[str, Any]) -> Asked:
        """Returns what a run is asked by a parent that wants to know when the executor begins and who may take over."""
        from pipeline.runners.operators import Asked

        if "attempt" not in request:
            return Asked()
        return Asked(
            request["attempt"],
            begins=lambda: self._tell({"begins": request["run"], "cpu": cpu_seconds()}),
            guard=lambda: _refuse_if_taken_over(request["run"], request["root"], request["successor"]),
        )

    def _reuse(self, request: dict[str, Any]) -> dict[str, Any]:
        wanted: dict[str, int] = request["reuse"]
        self._executor.tell_apart(request.get("results", {}))
        found = {node: self._executor.earlier(node) for node in wanted} if "attempt" in request else {}
        there = {node: one for node, one in found.items() if one is not None}
        missing = {node: one for node, one in wanted.items() if node not in there}
        return {"executions": {**there, **(self._executor.reuse(missing) if missing else {})}}


def _refuse_if_taken_over(node: str, root: str, successor: str) -> None:
    """Refuses to publish what a node made after another process, which took this one for dead, has begun with it.

    Args:
        node: The node.
        root: Address of the pipeline root.
        successor: File that a further attempt makes when it begins, from the root.
    """
    if open_root(root).exists(successor):
        raise LockedError(
            f"node {node}",
            expected="to be the only process at this node of the run",
            seen="another one has taken over",
            remedy="leave it to that one",
        )


def own_code_fault(references: list[str], error: BaseException) -> PenstockError | None:
    """Returns the fault of own code that an error of any node passed through or came out of, None if there is none.

    Args:
        references: ``/abs/file.py:function`` of the document's own code, the likeliest first.
        error: What a node raised.
    """
    for reference in references:
        if own_place(Path(reference).parent, error):
            return fault(reference, "own code that runs in every node", error)
    if references and failed_in_graph(error):
        return fault(references[0], "operations that run on every row", error)
    return None


def _failure(node: str, error: BaseException, own: PenstockError | None = None) -> dict[str, Any]:
    known = our_error(error) or own
    if known is None:
        first = str(error).strip().splitlines()[0][:400] if str(error).strip() else ""
        full = "disk is full" in str(error) or "No space left on device" in str(error)
        kind, remedy = (
            (StorageError, "free space, then run again") if full else (NodeError, "read the run's log")
        )
        known = kind(f"node {node} failed", seen=f"{type(error).__name__}: {first}", remedy=remedy).passing()
    parts = [known.subject, known.expected, known.seen, known.remedy]
    text = "".join(traceback.format_exception(error))
    sys.stderr.write(text)
    sys.stderr.flush()
    kind_of = {"kind": type(known).__name__, "parts": parts, "may_pass": known.may_pass}
    return {"failed": node, **kind_of, "traceback": text}


def our_error(error: BaseException | None) -> PenstockError | None:
    """Returns Penstock's first error in a chain of causes, also one that a cause quotes a worker's traceback of, or None."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, PenstockError):
            return error
        if quoted := told_in(text_of(error)):
            return quoted
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return None


def _answer(answers: IO[str], message: dict[str, Any]) -> None:
    answers.write(json.dumps(message) + "\n")
    answers.flush()

"""Workers whose processes a zygote forks: one for each node, so that memory goes back and no node leaves anything behind.

Where the zygote does not do as it should, the run's log says so, and a plain worker process does the rest.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import IO, Any

from foundation.errors import NodeError
from pipeline.nodes import NODES
from pipeline.runners.job import Job
from pipeline.runners.process import LAST_BREATH, QUIET, Desk, Pipes, WorkerProcess
from pipeline.runners.zygote import mode, preload
from pipeline.runners.zygote.client import Zygote, begin, obtain
from pipeline.runners.zygote.forked import Forked, fork_like_this
from pipeline.runners.zygote.place import NoZygoteError

FIRST_OP_SECONDS = 10.0
"""Seconds within which a forked process must have run its first operation; it takes 0.3."""
_RESOLVERS = {node.id for node in NODES if node.resolver}
_TRIED = {node.id for node in NODES if node.tensorflow}
_TARGET = "pipeline.runners.worker:serve_forked"


class ForkedProcess:
    """A forked process that serves requests; it is ready when this returns.

    Args:
        zygote: What it is forked from.
        job: The job it serves.
        target: What it runs.
        output: Where all that it prints goes in place of the job's log.

    Raises:
        NoZygoteError: It was not made, or does not answer.
    """

    def __init__(
        self, zygote: Zygote, job: Desk, target: str = _TARGET, output: IO[bytes] | None = None
    ) -> None:
        self._pipes = Pipes()
        search = [p for p in sys.path if p]
        fork = fork_like_this(target, [str(job.file)], search, str(job.folder), {**QUIET, **os.environ})
        try:
            with contextlib.nullcontext(output) if output else job.log_file.open("ab") as log:
                self._process: Forked = zygote.fork(fork, [log.fileno(), *self._pipes.theirs])
        except NoZygoteError:
            self._pipes.close()
            raise
        self._pipes.hand_over()
        self._expect("start")

    def fileno(self) -> int:
        """Returns the descriptor that becomes readable when an answer arrives."""
        return self._pipes.fileno()

    def ask(self, request: dict[str, Any]) -> None:
        """Sends a request; ``answer`` returns the reply."""
        self._pipes.ask(request)

    def answer(self) -> dict[str, Any] | None:
        """Waits for one answer; None when the process has died."""
        return self._pipes.answer()

    def run_first_op(self) -> None:
        """Has it run an operation of TensorFlow, which hangs where a fork went wrong.

        Raises:
            NoZygoteError: It hangs; it is ended then.
        """
        self.ask({"first_op": True})
        self._expect("its first operation")

    def _expect(self, what: str) -> None:
        readable, _, _ = select.select([self], [], [], FIRST_OP_SECONDS)
        answer = self.answer() if readable else None
        if answer is None or "failed" in answer:
            self.end()
            seen = f"failed: {answer['parts']}" if answer else "is not done" if readable else "hangs"
            raise NoZygoteError(f"process {self._process.pid}, {what}: {seen}")

    def terminate(self, seconds: float) -> None:
        """Asks it to close what it has begun (SIGTERM), and waits for its end for so many seconds; ``end`` follows."""
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=seconds)

    def kill(self) -> None:
        """Sends SIGKILL to it and everything in its process group, without waiting."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    @property
    def has_ended(self) -> bool:
        """Whether the process has died."""
        return self._process.poll() is not None

    def end(self) -> None:
        """Ends the process and all that it started."""
        self._process.end()
        self._pipes.close()

    @property
    def exit_code(self) -> int | None:
        """The exit code of a dead process, negative for a signal."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=LAST_BREATH)
        return self._process.poll()


class ForkingWorker:
    """A worker that has each node run in a process of its own, forked when it is asked for or, while it is idle, ahead.

    Args:
        job: The job it serves.
        zygote: What the processes are forked from.
        fork: Makes a forked process.
        plain: Makes a plain one, which stays for all further nodes.
    """

    def __init__(
        self,
        job: Job,
        zygote: Zygote,
        fork: Callable[[Zygote, Job], ForkedProcess] = ForkedProcess,
        plain: Callable[[Job], WorkerProcess] = WorkerProcess,
    ) -> None:
        self._job, self._zygote, self._fork, self._plain = job, zygote, fork, plain
        self._process: ForkedProcess | WorkerProcess | None = None
        self._runs = self._is_tried = self._process_answers = False
        self._ahead: threading.Thread | None = None
        self._exit_code: int | None = None
        read, self._own = os.pipe()
        self._said = os.fdopen(read, encoding="utf-8")
        self._say({"done": "start"})

    def _say(self, answer: dict[str, Any]) -> None:
        """Answers without a process."""
        os.write(self._own, json.dumps(answer).encode() + b"\n")

    def fileno(self) -> int:
        """Returns the descriptor that becomes readable when an answer arrives."""
        return self._process.fileno() if self._process and self._process_answers else self._said.fileno()

    def ask(self, request: dict[str, Any]) -> None:
        """Sends a request; ``answer`` returns the reply."""
        self._process_answers = False
        self._join()
        if "warm" in request and not isinstance(self._process, WorkerProcess):
            self._ahead = threading.Thread(target=self._prepare, args=(request["warm"],))
            self._ahead.start()
            return
        try:
            process = self._ready(request)
        except OSError as error:
            self._say(_refusal(request, error))
            return
        self._runs = "run" in request and request["run"] not in _RESOLVERS
        self._process_answers = True
        process.ask(request)

    def _prepare(self, node: str) -> None:
        """Forks and tries the process for a node ahead; what goes wrong with that is told when the node is asked for."""
        ready = True
        try:
            self._forked(node)
        except (NoZygoteError, OSError):
            self._process, ready = None, False
        self._say({"done": node, "ready": ready})

    def _forked(self, node: str) -> ForkedProcess | WorkerProcess:
        """Returns the process that there is or, if there is none, a forked one; tried if the node needs that.

        Raises:
            NoZygoteError: It was not made, or hangs; it is ended then.
        """
        if isinstance(self._process, ForkedProcess) and self._process.has_ended:
            self._process.end()
            self._process = None  # killed while it had nothing to do, as where memory is short
        if self._process is None:
            self._process, self._is_tried = self._fork(self._zygote, self._job), False
        if node in _TRIED and not self._is_tried and isinstance(self._process, ForkedProcess):
            self._process.run_first_op()
            self._is_tried = True
        return self._process

    def _join(self) -> None:
        if self._ahead:
            self._ahead.join()
            self._ahead = None

    def _ready(self, request: dict[str, Any]) -> ForkedProcess | WorkerProcess:
        """Returns the process for a request: forked and tried, or plain."""
        try:
            return self._forked(request.get("run", ""))
        except NoZygoteError as error:
            note(self._job, f"the zygote: {error}; a plain worker runs the node")
            self._process = None
            self._process = self._plain(self._job)
            self._process.answer()  # that it has started
        return self._process

    def answer(self) -> dict[str, Any] | None:
        """Waits for one answer; None when the process has died."""
        if self._process is None or not self._process_answers:
            return dict(json.loads(self._said.readline()))
        answer = self._process.answer()
        if answer is None:
            self._exit_code = self._process.exit_code
        is_last = answer is None or bool(answer.keys() & {"done", "failed"})  # else it tells how far it is
        if self._runs and is_last and isinstance(self._process, ForkedProcess):
            self._process.end()
            self._process = None
        return answer

    def terminate(self, seconds: float) -> None:
        """Asks its process to close what it has begun, see ``WorkerProcess.terminate``; ``end`` follows."""
        if self._process:
            self._process.terminate(seconds)

    def end(self) -> None:
        """Ends its process and everything that started."""
        self._join()
        if self._process:
            self._process.end()
        self._said.close()
        os.close(self._own)

    @property
    def exit_code(self) -> int | None:
        """The exit code of a dead worker, negative for a signal."""
        return self._exit_code


def forked_for(node: str, desk: Desk, output: IO[bytes]) -> ForkedProcess:
    """Returns a process for one node that is to run alone: forked, tried if the node needs that, and ready.

    Args:
        node: Its id.
        desk: Where it works.
        output: Where all that it prints goes.

    Raises:
        NoZygoteError: There is no zygote, or it does not do as it should.
    """
    process = ForkedProcess(obtain(preload.EVERYTHING), desk, output=output)
    if node in _TRIED:
        process.run_first_op()
    return process


def note(job: Job, text: str) -> None:
    """Adds a line to a run's log."""
    with job.log_file.open("a", encoding="utf-8") as log:
        log.write(f"penstock: {text}\n")


def prepare() -> None:
    """Starts the zygote of a run that is about to begin; whatever is wrong with that is told when it is needed."""
    with contextlib.suppress(NoZygoteError):
        if not mode.reason_against():
            begin(preload.EVERYTHING)


def starter(job: Job) -> Callable[[Job], ForkingWorker | WorkerProcess]:
    """Returns what starts a run's workers: a zygote's forks, or plain processes and a line in the log that says why.

    Raises:
        SpecError: The variable that asks for a zygote or for none says something else.
    """
    reason = mode.reason_against()
    if not reason:
        try:
            zygote = obtain(preload.EVERYTHING)
            return lambda job: ForkingWorker(job, zygote)
        except NoZygoteError as error:
            reason = str(error)
    note(job, f"plain workers, without a zygote: {reason}")
    return WorkerProcess


def _refusal(request: dict[str, Any], error: OSError) -> dict[str, Any]:
    node = request.get("run") or ", ".join(request.get("reuse", ())) or "start"
    parts = [
        f"node {node}",
        "a process for it",
        f"{type(error).__name__}: {error}",
        "free memory, then run again",
    ]
    return {"failed": node, "kind": NodeError.__name__, "parts": parts, "traceback": ""}

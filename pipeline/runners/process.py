"""The parent's side of a worker process: starting it, sending requests, ending it and all it started."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO, Any, Protocol

import foundation.errors

# -I ignores the working directory and PYTHON* variables, so a user's folder called ``pipeline`` never hides ours.
BOOT = "import sys; sys.path[:] = {path!r}; from pipeline.runners.worker import main; main({job!r}, {requests}, {answers})"

QUIET = {"TF_CPP_MIN_LOG_LEVEL": "2", "PYTHONUNBUFFERED": "1"}
"""Variables of every worker that the user has not set."""
LAST_BREATH = 5.0
"""Seconds that a process may take to end after its pipe has closed."""


class Pipes:
    """The two pipes between a run and one of its processes, and JSON on them."""

    def __init__(self) -> None:
        self.theirs: list[int] = []
        """What the process gets: the end to read requests from, and the end to write answers to."""
        requests, requests_write = os.pipe()
        answers_read, answers = os.pipe()
        self.theirs = [requests, answers]
        self._requests = os.fdopen(requests_write, "w", encoding="utf-8")
        self._answers = os.fdopen(
            answers_read, "rb", buffering=0
        )  # a line that lay in a buffer would not wake ``select``

    def hand_over(self) -> None:
        """Lets go of the process's ends, which it has by now, so that their end shows its end."""
        for descriptor in self.theirs:
            os.close(descriptor)
        self.theirs = []

    def fileno(self) -> int:
        """Returns the descriptor that becomes readable when an answer arrives."""
        return self._answers.fileno()

    def ask(self, request: dict[str, Any]) -> None:
        """Sends a request; ``answer`` returns the reply."""
        with contextlib.suppress(BrokenPipeError):  # a dead worker is noticed by its missing answer
            self._requests.write(json.dumps(request) + "\n")
            self._requests.flush()

    def answer(self) -> dict[str, Any] | None:
        """Waits for one answer; None when the process has died."""
        line = self._answers.readline()
        return json.loads(line) if line else None

    def close(self) -> None:
        """Closes all that is open."""
        self.hand_over()
        for pipe in (self._requests, self._answers):
            with contextlib.suppress(OSError):
                pipe.close()


class Desk(Protocol):
    """Where a worker works; a job has all of it."""

    @property
    def folder(self) -> Path:
        """Its working directory, which holds no Python."""

    @property
    def file(self) -> Path:
        """The job's file, which must exist when the first request arrives."""

    @property
    def log_file(self) -> Path:
        """Where all that it prints goes."""


class WorkerProcess:
    """One worker.

    Everything it prints goes to the job's log; its working directory is the job's folder, which holds no Python.

    Args:
        job: The job it serves.
        output: Where all that it prints goes in place of the job's log.
    """

    def __init__(self, job: Desk, output: IO[bytes] | None = None) -> None:
        self._pipes = pipes = Pipes()
        requests, answers = pipes.theirs
        path = [p for p in sys.path if p]
        boot = BOOT.format(path=path, job=str(job.file), requests=requests, answers=answers)
        try:
            with contextlib.nullcontext(output) if output else job.log_file.open("ab") as log:
                self._process = subprocess.Popen(
                    [sys.executable, "-I", "-c", boot],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=job.folder,
                    env={**QUIET, **os.environ},
                    pass_fds=(requests, answers),
                    start_new_session=True,
                )
        except OSError:
            pipes.close()
            raise
        pipes.hand_over()

    def fileno(self) -> int:
        """Returns the descriptor that becomes readable when an answer arrives."""
        return self._pipes.fileno()

    def ask(self, request: dict[str, Any]) -> None:
        """Sends a request; ``answer`` returns the reply."""
        self._pipes.ask(request)

    def answer(self) -> dict[str, Any] | None:
        """Waits for one answer; None when the process has died."""
        return self._pipes.answer()

    def terminate(self, seconds: float) -> None:
        """Asks the worker to close what it has begun (SIGTERM), and waits for its end for so many seconds; ``end`` follows."""
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=seconds)

    def end(self) -> None:
        """Ends the worker and everything in its process group."""
        self.kill()
        self._process.wait()
        self._pipes.close()

    def kill(self) -> None:
        """Sends SIGKILL to the worker and everything in its process group, without waiting."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    @property
    def exit_code(self) -> int | None:
        """The exit code of a dead worker, negative for a signal."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=LAST_BREATH)  # its pipe closes a moment before it is gone
        return self._process.poll()


def rebuilt_error(answer: dict[str, Any]) -> foundation.errors.PenstockError:
    """Rebuilds the worker's error from its answer."""
    kind: type[foundation.errors.PenstockError] = getattr(
        foundation.errors, answer["kind"], foundation.errors.NodeError
    )
    subject, expected, seen, remedy = answer["parts"]
    found = kind(subject, expected=expected, seen=seen, remedy=remedy)
    return found.passing(bool(answer.get("may_pass")) or kind.may_pass)

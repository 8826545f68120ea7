"""Processes that fit the trials of a search, one at a time each.

Jobs and answers are small files in the folder of a process, each written under another name and then renamed. The first process
tells how much memory it takes, and its first trial how much that adds; others are started, and get a first trial, only where
that much is free.
"""

from __future__ import annotations

import json
import logging
import subprocess
import time
from collections import Counter, deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.tuner.workers.jobs import Fitted, Job
from components.tuner.workers.width import Need, Width
from foundation.errors import NodeError, PenstockError, from_json
from foundation.processes import children, memory
from foundation.processes.children import Child
from foundation.publish import write_text

log = logging.getLogger(__name__)

_MAIN = "components.tuner.workers.worker:main"
_LOOK_EVERY = 0.05
_GRACE = 5.0
_TRIES = 2
"""How often a trial is begun whose process dies."""


@dataclass
class _Worker:
    """A process that was started."""

    child: Child
    folder: Path
    ready: bool = False
    grown: bool = False
    job: Job | None = None

    def told(self) -> dict[str, Any] | None:
        """Returns what it has told since, if anything."""
        file = self.folder / "answer.json"
        if not file.exists():
            return None
        said: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        file.unlink()
        return said

    def give(self, job: Job) -> None:
        """Gives it a job; it counts its time from when it reads it."""
        self.job = job
        content = {
            "trial": job.trial,
            "values": dict(job.values),
            "epochs": job.epochs,
            "left": job.left(),
        }
        write_text(self.folder / "job.json", json.dumps(content))


class Pool:
    """Fits trials in processes of their own.

    Args:
        width: How many processes, and how many threads each has.
        arguments: What ``worker.main`` needs to train, as plain JSON.
        folder: Folder for jobs and logs; the logs are kept.
    """

    def __init__(self, width: Width, arguments: dict[str, Any], folder: Path) -> None:
        self._count, self._folder = width.processes, folder
        self._need = Need()
        self._workers: list[_Worker] = []
        self._waiting: deque[Job] = deque()
        self._ended: deque[Fitted] = deque()
        self._tries: Counter[str] = Counter()
        self._lost_at_start = 0
        self._started = 0
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / "arguments.json", json.dumps({**arguments, "threads": width.threads}))

    def give(self, job: Job) -> None:
        """Takes a job, to be begun when a process is free and its need of memory fits."""
        self._waiting.append(job)
        self._go_on()

    def take(self) -> Fitted:
        """Waits for a job that has ended, and returns what became of it.

        Raises:
            NodeError: A trial's process died twice, or two processes died before they were ready.
            PenstockError: A process could not load the data.
        """
        while not self._ended:
            if not self._hear():
                time.sleep(_LOOK_EVERY)
            self._go_on()
        return self._ended.popleft()

    def close(self) -> None:
        """Ends the processes."""
        for one in self._workers:
            one.child.terminate()
        for one in self._workers:
            try:
                one.child.wait(_GRACE)
            except subprocess.TimeoutExpired:
                one.child.kill()
                one.child.wait()
        self._workers.clear()
        (self._folder / "arguments.json").unlink(missing_ok=True)

    def _go_on(self) -> None:
        """Starts a process and gives jobs to those that are free, where there is room."""
        if len(self._workers) < self._count and self._waiting and self._may_start():
            self._workers.append(self._start())
        for one in self._workers:
            if self._waiting and one.ready and one.job is None and self._may_begin(one):
                job = self._waiting.popleft()
                self._tries[job.trial] += 1
                one.give(job)

    def _may_start(self) -> bool:
        starting = sum(not one.ready for one in self._workers)
        return not self._workers or self._need.starts(memory.available(), starting)

    def _may_begin(self, worker: _Worker) -> bool:
        busy = [one for one in self._workers if one.job is not None]
        growing = sum(not one.grown for one in busy)
        return not busy or worker.grown or self._need.begins(memory.available(), growing)

    def _start(self) -> _Worker:
        folder = self._folder / str(self._started)
        self._started += 1
        folder.mkdir(exist_ok=True)
        for name in ("job.json", "answer.json"):  # of a search that was ended
            (folder / name).unlink(missing_ok=True)
        return _Worker(children.start(_MAIN, [str(folder)], output=folder / "log"), folder)

    def _hear(self) -> bool:
        """Hears what the processes have told; returns whether one has told anything or has died."""
        heard = False
        for one in list(self._workers):
            dead = one.child.poll() is not None  # asked first: what it told before it died counts
            said = one.told()
            if said is not None:
                self._take_note(one, said)
            if dead:
                self._lost(one)
            heard = heard or dead or said is not None
        return heard

    def _take_note(self, worker: _Worker, said: dict[str, Any]) -> None:
        if "ready" in said:
            worker.ready = True
            self._need.ready(said["ready"])
        elif "failed" in said:
            raise from_json(said["failed"]) or NodeError("tuning", seen=f"{said['failed']}")
        else:
            self._need.ended(said["growth"])
            worker.grown, worker.job = True, None
            self._ended.append(Fitted.from_json(said["fitted"]))

    def _lost(self, worker: _Worker) -> None:
        """Has the trial of a process that died begun again, by one process less."""
        self._workers.remove(worker)
        code, job = worker.child.returncode, worker.job
        self._lost_at_start += not worker.ready
        if self._lost_at_start >= _TRIES or (job and self._tries[job.trial] >= _TRIES):
            raise self._cause(worker)
        log.warning(
            "tuning: a process ended with exit code %s; %s",
            code,
            f"trial {job.trial} is begun again" if job else "it had no trial",
        )
        self._count = max(1, self._count - 1)
        if job:
            self._waiting.appendleft(job)

    def _cause(self, worker: _Worker) -> PenstockError:
        what = f"trial {worker.job.trial}" if worker.job else "a process for trials"
        return NodeError(
            f"tuning: {what}",
            expected="a process that lasts",
            seen=f"it ended twice, with exit code {worker.child.returncode} at last",
            remedy=f"read {worker.folder / 'log'}; check memory, or lower tune.side_by_side; run again: ended trials are kept",
        )

"""A node's work in a process of its own: started at once, given the node when the run is known, and ended with this one.

It is a new Python, which imports what the node needs; where a person asks for a zygote, it is forked from that.
The process that a scheduler starts stays light: it beats, hears, and lives on where the kernel ends the one that works.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foundation.publish import write_text
from pipeline.runners.process import WorkerProcess, rebuilt_error
from pipeline.runners.zygote import mode
from pipeline.runners.zygote.place import NoZygoteError
from pipeline.task.exits import death, kills_for_memory

if TYPE_CHECKING:
    from pipeline.runners.forking import ForkedProcess
    from pipeline.runners.job import Job

_IR = "pipeline.json"
"""As in ``pipeline.bundle.reading``, which loads the document."""
_STARTED = "start"
"""What a new Python says is done, as soon as it can be asked; a forked process has said so."""
GRACE = 10.0
"""Seconds that the work has to close what it has begun, such as a job of Dataflow."""


@dataclass(frozen=True)
class Desk:
    """A temporary folder of this process, where its worker works.

    Attributes:
        folder: The folder; it holds no Python.
    """

    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="penstock-node-")))

    @property
    def file(self) -> Path:
        """Path of the job's file."""
        return self.folder / "job.json"

    @property
    def log_file(self) -> Path:
        """Path of a log; the work prints to this process's output instead."""
        return self.folder / "log.txt"


class Work:
    """The process that works.

    Args:
        node: Id of the node.
        bundle: The bundle's folder, or the compiled pipeline in it, which names the node's executor.
    """

    def __init__(self, node: str, bundle: Path) -> None:
        self._node = node
        self._desk = Desk()
        self._kills = kills_for_memory()
        sys.stdout.flush()
        self._worker = _process(node, self._desk)
        ir = bundle if bundle.suffix else bundle / _IR
        self._worker.ask({"ready": node, "ir": str(ir.absolute())})

    def carry_out(
        self,
        job: Job,
        ir: Mapping[str, Any],
        request: Mapping[str, Any],
        begins: Callable[[float], None],
    ) -> dict[str, Any]:
        """Has the node run, and returns the worker's answer.

        Args:
            job: The run.
            ir: Its compiled pipeline as proto-JSON.
            request: What the worker is asked.
            begins: Called when the executor begins, with the CPU seconds of the process until then.

        Raises:
            PenstockError: The node failed, or its process is gone.
        """
        here = replace(job, folder=self._desk.folder)
        write_text(here.ir_json_file, json.dumps(ir))
        here.write()
        self._hear(begins)  # that it is ready
        self._worker.ask(dict(request))
        return self._hear(begins)

    def _hear(self, begins: Callable[[float], None]) -> dict[str, Any]:
        while (answer := self._worker.answer()) is not None:
            if answer.get("done") == _STARTED:
                continue
            if "begins" in answer:
                begins(answer["cpu"])
            elif "progress" in answer:
                from pipeline.runners.base import how_far

                sys.stdout.write(f"{self._node}: {how_far(answer['progress'])}\n")
                sys.stdout.flush()
            elif "failed" in answer:
                raise rebuilt_error(answer)
            else:
                return answer
        raise death(self._node, self._worker.exit_code, self._kills)

    def cancel(self) -> None:
        """Ends the work, which may close what it has begun."""
        self._worker.terminate(GRACE)

    def kill(self) -> None:
        """Ends the process and everything that it started, at once; may be called by another thread."""
        self._worker.kill()

    def end(self) -> None:
        """Ends the process and everything that it started, and removes its folder."""
        self._worker.end()
        shutil.rmtree(self._desk.folder, ignore_errors=True)


def _process(node: str, desk: Desk) -> WorkerProcess | ForkedProcess:
    if mode.is_for_nodes():
        from pipeline.runners.forking import forked_for

        try:
            return forked_for(node, desk, sys.stdout.buffer)
        except NoZygoteError as error:
            sys.stdout.write(f"{node}: the zygote: {error}; a plain process does the work\n")
            sys.stdout.flush()
    return WorkerProcess(desk, sys.stdout.buffer)

"""Workers that have each node forked: a process for each, and a plain worker where the zygote does not do as it should."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from components.node import Inputs
from pipeline.document.models import PipelineSpec
from pipeline.runners import forking
from pipeline.runners.forking import ForkedProcess, ForkingWorker, starter
from pipeline.runners.job import Job
from pipeline.runners.process import WorkerProcess, rebuilt_error
from pipeline.runners.zygote.client import Zygote
from pipeline.runners.zygote.place import NoZygoteError
from tests.foundation.processes.test_tether import is_alive
from tests.pipeline.conftest import DOCUMENT, resolved
from tests.pipeline.runners.zygote.conftest import folder, pid_of, targets, until, zygote

__all__ = ["folder", "targets", "zygote"]


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """A job with its file."""
    job = Job(PipelineSpec.model_validate(DOCUMENT), Inputs(tmp_path, resolved()), tmp_path, "r1", tmp_path)
    job.write()
    return job


def forks(zygote: Zygote, job: Job) -> ForkedProcess:
    return ForkedProcess(zygote, job, "zygote_targets:answers_all")


@pytest.fixture
def worker(zygote: Zygote, job: Job) -> Any:
    """A worker whose processes answer every request with their process id."""
    worker = ForkingWorker(job, zygote, forks)
    assert worker.answer() == {"done": "start"}
    yield worker
    worker.end()


def pid(worker: ForkingWorker, **request: str) -> int:
    worker.ask(request)
    if "run" in request:
        assert worker.answer() == {"progress": {"epoch": 1}}
    answer = worker.answer()
    assert answer is not None
    assert answer["done"] in request.values()
    return int(answer["execution"])


def test_each_node_has_a_process_of_its_own_that_ends_with_it(worker: ForkingWorker) -> None:
    compiled, reused = pid(worker, compile="all"), pid(worker, reuse="StatisticsGen")
    first = pid(worker, run="Transform")
    assert until(lambda: not is_alive(first))
    assert compiled == reused == first
    assert pid(worker, run="Trainer") != first


def test_an_idle_worker_has_the_process_of_the_next_node_forked_and_tried_ahead(
    zygote: Zygote, job: Job
) -> None:
    made: list[ForkedProcess] = []

    def counts(zygote: Zygote, job: Job) -> ForkedProcess:
        made.append(forks(zygote, job))
        return made[-1]

    worker = ForkingWorker(job, zygote, counts)
    worker.answer()
    worker.ask({"warm": "Trainer"})
    assert worker.answer() == {"done": "Trainer", "ready": True}
    (ahead,) = made
    ahead.run_first_op = _refused  # type: ignore[method-assign]
    assert pid(worker, run="Trainer") == ahead._process.pid
    worker.ask({"warm": "EvaluationGate"})
    worker.end()
    assert until(lambda: not any(is_alive(each._process.pid) for each in made))


def test_a_process_that_was_killed_while_it_had_nothing_to_do_is_replaced(worker: ForkingWorker) -> None:
    worker.ask({"warm": "Trainer"})
    assert worker.answer() == {"done": "Trainer", "ready": True}
    assert isinstance(worker._process, ForkedProcess)
    killed = worker._process
    os.kill(killed._process.pid, 9)
    assert until(lambda: killed.has_ended)
    assert pid(worker, run="Trainer") != killed._process.pid


def _refused() -> None:
    raise AssertionError("it was tried a second time")


def test_what_fails_ahead_is_told_when_the_node_is_asked_for(zygote: Zygote, job: Job) -> None:
    def no_fork(zygote: Zygote, job: Job) -> ForkedProcess:
        raise NoZygoteError("it is about to end")

    worker = ForkingWorker(job, zygote, no_fork)
    worker.answer()
    worker.ask({"warm": "Trainer"})
    assert worker.answer() == {"done": "Trainer", "ready": False}
    assert not job.log_file.exists()
    worker.ask({"compile": "all"})
    assert isinstance(worker._process, WorkerProcess)
    assert "it is about to end; a plain worker runs the node" in job.log_file.read_text()
    worker.end()


def test_a_killed_process_has_its_exit_code_and_the_next_node_a_new_one(worker: ForkingWorker) -> None:
    worker.ask({"run": "Dies"})
    assert worker.answer() is None
    assert worker.exit_code == -9
    assert is_alive(pid(worker, compile="all"))


def test_a_process_that_hangs_in_its_first_operation_is_ended_and_a_plain_worker_runs_the_node(
    zygote: Zygote, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forking, "FIRST_OP_SECONDS", 0.5)
    made: list[ForkedProcess] = []

    def hangs(zygote: Zygote, job: Job) -> ForkedProcess:
        made.append(ForkedProcess(zygote, job, "zygote_targets:greets_and_hangs"))
        return made[-1]

    worker = ForkingWorker(job, zygote, hangs)
    worker.answer()
    worker.ask({"run": "Trainer"})
    (hung,) = made
    assert until(lambda: not is_alive(hung._process.pid))
    assert isinstance(worker._process, WorkerProcess)
    answer = worker.answer()
    assert answer is not None
    assert answer["failed"] == "Trainer", "it was asked, and this job is not compiled"
    assert "its first operation: hangs; a plain worker runs the node" in job.log_file.read_text()
    worker.end()


@pytest.mark.parametrize("when", ["before", "between nodes"])
def test_a_zygote_that_was_killed_fails_no_node(
    worker: ForkingWorker, zygote: Zygote, job: Job, when: str
) -> None:
    if when == "between nodes":
        pid(worker, run="Transform")
    killed = pid_of(zygote)
    os.kill(killed, 9)
    assert until(lambda: not is_alive(killed))
    worker.ask({"warm": "Trainer"})
    assert worker.answer() == {"done": "Trainer", "ready": False}
    worker.ask({"first_op": "x"})
    assert isinstance(worker._process, WorkerProcess)
    assert "the zygote: nobody listens" in job.log_file.read_text()


def test_a_node_for_which_there_is_no_memory_at_all_fails_with_the_reason(zygote: Zygote, job: Job) -> None:
    def no_fork(zygote: Zygote, job: Job) -> ForkedProcess:
        raise NoZygoteError("only 12 MiB of memory are free")

    def no_process(job: Job) -> WorkerProcess:
        raise OSError(12, "Cannot allocate memory")

    worker = ForkingWorker(job, zygote, no_fork, no_process)
    worker.answer()
    worker.ask({"run": "Trainer"})
    answer = worker.answer()
    assert answer is not None
    assert "node Trainer; expected a process for it; seen: OSError: [Errno 12] Cannot allocate memory" in str(
        rebuilt_error(answer)
    )
    assert "only 12 MiB of memory are free" in job.log_file.read_text()
    worker.end()


def test_a_run_without_a_zygote_says_why(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_ZYGOTE", "off")
    assert starter(job) is WorkerProcess
    assert "plain workers, without a zygote: PENSTOCK_ZYGOTE=off" in job.log_file.read_text()


def test_a_run_whose_zygote_cannot_be_had_goes_without(
    job: Job, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.mkdir(mode=0o755)
    monkeypatch.setenv("PENSTOCK_ZYGOTE", "on")
    assert starter(job) is WorkerProcess
    assert "not a folder of this user's alone" in job.log_file.read_text()

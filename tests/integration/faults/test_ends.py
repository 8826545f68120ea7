"""How a node's process ends: asked to, robbed of the one that works, beside another one; and whatever is given to it."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.lineage.sqlite import EXECUTION_STATES
from tests.integration.faults.conftest import Project, ended, kill

pytestmark = pytest.mark.integration

NODE = "MongoExampleGen"
STEP = 0.02
_STATES = """
    SELECT last_known_state FROM Execution
    JOIN Association ON execution_id = Execution.id JOIN Context ON Context.id = context_id WHERE Context.name = ?"""


@pytest.fixture
def fresh(project: Project, request: pytest.FixtureRequest) -> Project:
    """The project with a pipeline root in which nothing has run."""
    return Project(project.home, project.bundle, f"root-{request.node.name[:40]}")


def worker_of(process: subprocess.Popen[str]) -> int:
    """Returns the process that works for a node's process."""
    (child,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return int(child)


def is_at_work(project: Project, run: str) -> bool:
    """Returns whether the run has an execution that is running; asked for by file, as the one that writes it is stopped."""
    with contextlib.closing(sqlite3.connect(project.root / "metadata.db", timeout=0)) as store:
        try:
            return store.execute(_STATES, (run,)).fetchall() == [(EXECUTION_STATES.index("RUNNING"),)]
        except sqlite3.Error:  # it is being written, or not there yet
            return False


@contextlib.contextmanager
def held(project: Project, name: str) -> Iterator[tuple[subprocess.Popen[str], int, str]]:
    """Yields a process at ingestion, the one that works for it, stopped in the middle of it, and the run.

    It gets there in small steps; should it have been quicker than a step, another run is begun.
    """
    for number in range(10):
        run = f"{name}-{number}"
        process = project.start(NODE, run)
        try:
            claimed = project.root / "runs" / run / "nodes" / NODE / "0001" / "0001.claim"
            while not claimed.exists():
                time.sleep(STEP)
            worker = worker_of(process)
            while process.poll() is None:
                os.kill(worker, signal.SIGSTOP)
                if is_at_work(project, run):
                    yield process, worker, run
                    return
                os.kill(worker, signal.SIGCONT)
                time.sleep(STEP)
        except (ValueError, ProcessLookupError):
            continue
        finally:
            kill(process)
    pytest.fail("ingestion was always quicker than a step")


def test_an_asked_end_closes_the_execution_and_the_next_try_takes_it_up(fresh: Project) -> None:
    with held(fresh, "terminated") as (process, worker, run):
        process.terminate()
        os.kill(worker, signal.SIGCONT)

        said = ended(process)

    assert (said.code, said.line["error"][:16], said.line["retry"]) == (143, "ended by SIGTERM", False)
    assert [e.state for e in fresh.executions(run, NODE)] == ["CANCELED"]
    assert fresh.node(NODE, run).line["attempt"] == 2
    assert [e.state for e in fresh.executions(run, NODE)] == ["COMPLETE"]


def test_a_process_that_works_and_is_killed_may_be_tried_again_and_memory_is_named(fresh: Project) -> None:
    with held(fresh, "robbed") as (process, worker, run):
        os.kill(worker, signal.SIGKILL)

        said = ended(process)

    assert (said.code, said.line["retry"]) == (75, True)
    assert "ended by SIGKILL" in said.line["error"] and "memory" in said.line["error"]
    assert fresh.record(run)["state"] == "failed"
    assert fresh.node(NODE, run).code == 0
    assert len(fresh.executions(run, NODE)) == 1


def test_a_second_process_leaves_a_node_to_the_first(fresh: Project) -> None:
    with held(fresh, "beside") as (process, worker, run):
        second = fresh.node(NODE, run)
        os.kill(worker, signal.SIGCONT)
        first = ended(process)

    assert (second.code, second.line["retry"], first.code) == (75, True, 0)
    assert f"process {process.pid} on" in second.line["error"]
    assert len(fresh.executions(run, NODE)) == 1


def test_two_runs_of_one_span_at_once_both_end_right(fresh: Project) -> None:
    runs = ("one", "other")
    both = [fresh.start(NODE, run) for run in runs]

    said = [ended(process) for process in both]

    assert [one.code for one in said] == [0, 0], said
    made = [fresh.artifacts(run)[f"{NODE}.examples"] for run in runs]
    assert [len(ids) for ids in made] == [1, 1] and made[0] != made[1]


def test_a_later_run_of_the_same_reuses_the_result_once_and_makes_it_anew_if_that_is_wanted(
    fresh: Project,
) -> None:
    fresh.node(NODE, "earlier")

    twice = [fresh.node(NODE, "later") for _ in range(2)]
    anew = fresh.node(NODE, "later", "--again")

    assert [one.line["state"] for one in twice] == ["cached", "cached"]
    assert [e.state for e in fresh.executions("later", NODE)] == ["CACHED", "COMPLETE"]
    newest = max((fresh.home / "exports").iterdir()) / "learners.jsonl"
    counted = {"documents": 600, "quarantined": 0, "bytes": newest.stat().st_size}
    assert anew.line["state"] == "done" and anew.line["counted"] == counted


@pytest.mark.parametrize(
    ("given", "code", "expected"),
    [
        (["--span", "9"], 3, "expected a span that is there"),
        (["--set", "train.epochs=3"], 2, "production.parameters"),
        (["--node", "Trianer"], 2, "did you mean 'Trainer'?"),
        (["--node", "Trainer"], 5, "to be done"),
    ],
    ids=["no such span", "not a parameter", "no such node", "too early"],
)
def test_what_cannot_be_done_is_final_and_says_why(
    fresh: Project, given: list[str], code: int, expected: str
) -> None:
    said = fresh.node(NODE, f"refused-{code}-{given[1]}", *given)

    assert (said.code, said.line["state"], said.line["retry"]) == (code, "failed", False)
    assert expected in said.line["error"]

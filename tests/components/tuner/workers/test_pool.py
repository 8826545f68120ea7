"""Processes that fit trials: real ones, in which a double trains, so that they start without TensorFlow."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from components.tuner.workers import pool
from components.tuner.workers.jobs import Fitted, Job
from components.tuner.workers.pool import Pool
from components.tuner.workers.width import Width
from foundation.errors import DataError, NodeError

DOUBLE = """
import os
import signal
from pathlib import Path

from components.tuner.result import Outcome
from components.tuner.workers import worker
from foundation.errors import DataError


class TrainingDouble:
    def train(self, values, epochs, over):
        if values.get("dies"):
            Path(values["dies"]).open("a").write("x")
            if len(Path(values["dies"]).read_text()) <= values["times"]:
                os.kill(os.getpid(), signal.SIGKILL)
        if values.get("fails"):
            raise DataError("training", seen="NaN")
        return Outcome(metrics={"loss": values["x"], "process": os.getpid()}, epochs=epochs or 1, ended_by_time=over())


def loaded(arguments):
    if arguments["config"] == "refused":
        raise DataError("label", expected="two values", seen="one")
    return TrainingDouble()


def main():
    worker._loaded = loaded
    return worker.main()
"""


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Pool]]:
    """Starts pools of two processes; ends them."""
    (tmp_path / "training_double.py").write_text(DOUBLE, encoding="utf-8")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    monkeypatch.setattr(pool, "_MAIN", "training_double:main")
    started = []

    def give(config: str = "") -> Pool:
        started.append(Pool(Width(2, 2, 1), {"config": config}, tmp_path / "workers"))
        return started[-1]

    yield give
    for one in started:
        one.close()


def job(trial: int, left: float | None = None, **values: object) -> Job:
    return Job(str(trial), {"x": trial, **values}, None, lambda: left)


def all_of(fitting: Pool, jobs: list[Job]) -> dict[str, Fitted]:
    """Gives jobs, two at a time as a search does, and returns what became of them."""
    found = {}
    for number, one in enumerate(jobs):
        fitting.give(one)
        if number:
            done = fitting.take()
            found[done.trial] = done
    done = fitting.take()
    return found | {done.trial: done}


def test_every_trial_is_fitted_and_errors_come_back_as_they_are(start: Callable[..., Pool]) -> None:
    found = all_of(start(), [*(job(number) for number in range(4)), job(4, fails=True)])
    assert [found[str(number)].outcome.metrics["loss"] for number in range(4)] == [0, 1, 2, 3]
    assert isinstance(found["4"].error, DataError)


def test_a_process_knows_how_much_time_is_left(start: Callable[..., Pool]) -> None:
    found = all_of(start(), [job(0, left=-1.0), job(1, left=600.0)])
    assert (found["0"].outcome.ended_by_time, found["1"].outcome.ended_by_time) == (True, False)


def test_without_memory_for_a_second_process_there_is_one(
    start: Callable[..., Pool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("foundation.processes.memory.available", lambda: 0)
    found = all_of(start(), [job(number) for number in range(4)])
    assert len({one.outcome.metrics["process"] for one in found.values()}) == 1


def test_a_trial_whose_process_died_is_begun_again(start: Callable[..., Pool], tmp_path: Path) -> None:
    tries = tmp_path / "tries"
    found = all_of(start(), [job(0), job(1, dies=str(tries), times=1), job(2)])
    assert sorted(found) == ["0", "1", "2"]
    assert not any(one.error for one in found.values())
    assert tries.read_text() == "xx"


def test_a_trial_whose_process_dies_twice_ends_the_search(start: Callable[..., Pool], tmp_path: Path) -> None:
    fitting = start()
    fitting.give(job(7, dies=str(tmp_path / "tries"), times=9))
    with pytest.raises(
        NodeError, match=r"trial 7; .*ended twice, with exit code -9 at last.*workers/\d/log.*side_by_side"
    ):
        fitting.take()


def test_data_that_cannot_be_trained_on_is_told_by_the_first_process(start: Callable[..., Pool]) -> None:
    fitting = start("refused")
    fitting.give(job(0))
    with pytest.raises(DataError, match="label; expected two values; seen: one"):
        fitting.take()


def test_no_process_outlives_its_pool(start: Callable[..., Pool]) -> None:
    fitting = start()
    all_of(fitting, [job(0), job(1)])
    (one, *_) = (worker.child for worker in fitting._workers)
    fitting.close()
    assert one.poll() is not None

"""Records of runs and the lock of a root."""

from __future__ import annotations

import json
import multiprocessing
import os
import socket
import time
from dataclasses import replace
from pathlib import Path

import pytest

from foundation.errors import DataError, LockedError, StorageError
from pipeline.runs.book import NodeRecord, RunBook, RunRecord, new_run_id
from pipeline.runs.lock import held, running


def record(run: str, state: str = "complete") -> RunRecord:
    return RunRecord(
        run,
        "learners",
        state,
        1.0,
        3.5,
        {"name": "learners"},
        nodes=[NodeRecord("Trainer", "run", "never ran")],
    )


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    book = RunBook(tmp_path)
    book.write(record("a1"))
    assert book.all() == [record("a1")]
    assert book.find("a1").seconds == 2.5


def test_a_run_is_found_by_the_start_of_its_id_and_the_newest_by_default(tmp_path: Path) -> None:
    book = RunBook(tmp_path)
    for run in ("20260101T000000-aa", "20260201T000000-bb"):
        book.write(record(run))
    assert book.find("20260101").id == "20260101T000000-aa"
    assert book.find().id == "20260201T000000-bb"


def test_the_newest_run_began_last_whatever_a_scheduler_calls_it(tmp_path: Path) -> None:
    book = RunBook(tmp_path)
    for run, started in (("scheduled__2026", 2.0), ("manual__2027", 3.0), ("20260101T000000-aa", 1.0)):
        book.write(replace(record(run), started=started))
    assert book.find().id == "manual__2027"


@pytest.mark.parametrize("run", ["2026", "1999"], ids=["two begin so", "none"])
def test_an_unknown_run_is_an_error(tmp_path: Path, run: str) -> None:
    book = RunBook(tmp_path)
    for name in ("20260101T000000-aa", "20260201T000000-bb"):
        book.write(record(name))
    with pytest.raises(DataError, match="penstock runs"):
        book.find(run)


def test_ids_never_repeat() -> None:
    assert len({new_run_id() for _ in range(500)}) == 500


def _hold(root: str, ready: object, done: object) -> None:
    with held(Path(root), "first"):
        ready.set()  # type: ignore[attr-defined]
        done.wait(20)  # type: ignore[attr-defined]


def test_two_runs_exclude_each_other(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ready, done = context.Event(), context.Event()
    process = context.Process(target=_hold, args=(str(tmp_path), ready, done))
    process.start()
    assert ready.wait(20)
    with pytest.raises(LockedError, match=f"run first, process {process.pid}"), held(tmp_path, "second"):
        pass
    done.set()
    process.join(20)
    with held(tmp_path, "second"):
        assert json.loads((tmp_path / "lock").read_text())["run"] == "second"


def test_a_killed_holder_leaves_no_lock(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ready, done = context.Event(), context.Event()
    process = context.Process(target=_hold, args=(str(tmp_path), ready, done))
    process.start()
    assert ready.wait(20)
    process.kill()
    process.join(20)
    with held(tmp_path, "second"):
        pass


def test_a_run_whose_process_was_killed_is_interrupted(tmp_path: Path) -> None:
    book = RunBook(tmp_path)
    for run in ("earlier", "first"):
        book.write(
            RunRecord(run, "p", "running", 1.0, nodes=[NodeRecord("Trainer", "run", "", state="running")])
        )
    context = multiprocessing.get_context("spawn")
    ready, done = context.Event(), context.Event()
    process = context.Process(target=_hold, args=(str(tmp_path), ready, done))
    process.start()
    assert ready.wait(20)
    assert [(r.id, r.state) for r in book.all()] == [("earlier", "interrupted"), ("first", "running")]
    process.kill()
    process.join(20)
    assert [(r.state, r.nodes[0].state) for r in book.all()] == [("interrupted", "interrupted")] * 2
    assert [r.state for r in book.written()] == ["running"] * 2  # only asked: the next run closes them


def test_another_process_with_the_number_of_a_killed_one_holds_nothing(tmp_path: Path) -> None:
    holder = {"pid": os.getpid(), "host": socket.gethostname(), "run": "first", "since": 1.0}
    (tmp_path / "lock").write_text(json.dumps(holder))
    assert running(tmp_path) is None
    (tmp_path / "lock").write_text(json.dumps({**holder, "since": time.time()}))
    assert running(tmp_path) == "first"
    (tmp_path / "lock").write_text(json.dumps({**holder, "host": "elsewhere"}))
    assert running(tmp_path) == "first"


def test_a_root_that_cannot_be_created_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="remedy"), held(tmp_path / "file" / "root", "first"):
        pass

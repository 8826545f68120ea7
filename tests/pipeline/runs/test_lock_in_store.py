"""One run at a time where the root is in a store: among all machines, and after one of them died."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

pytest.importorskip("moto.server", reason="the development extra brings moto")

from foundation.errors import LockedError, StorageError
from foundation.processes import owner
from foundation.processes.owner import BEAT_SECONDS
from foundation.stores.base import Store
from foundation.stores.mirror import mirror_of
from pipeline.roots.opening import open_root
from pipeline.runs.lease import SILENT_BEATS, Lease
from pipeline.runs.lock import held
from tests import object_stores
from tests.object_stores import BUCKET

DIES = "import os, sys; from pathlib import Path; from pipeline.runs.lock import held\nwith held(Path(sys.argv[1]), 'dead'): os._exit(9)"


@pytest.fixture(scope="module")
def store() -> Iterator[dict[str, str]]:
    with object_stores.s3() as variables:
        yield variables


@pytest.fixture
def address(store: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in {**store, "PENSTOCK_CACHE": str(tmp_path / "one")}.items():
        monkeypatch.setenv(name, value)
    return f"s3://{BUCKET}/{uuid.uuid4().hex}"


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Has what follows happen on another machine: with a cache and a kernel of its own."""

    def go() -> None:
        monkeypatch.setenv("PENSTOCK_CACHE", str(tmp_path / "two"))
        monkeypatch.setattr(owner, "_kernel", lambda: "another boot")

    return go


def lease(address: str, run: str, pause: Callable[[float], None] = lambda seconds: None) -> Lease:
    """A lock whose own heartbeats do not come while a test lasts."""
    return Lease(f"{address}/lock", run, seconds=3600, pause=pause)


def holder(address: str) -> str:
    """The run that has the lock, empty if none does."""
    return str(json.loads(open_root(address).read("lock") or b"{}").get("run", ""))


def test_another_process_of_this_machine_is_refused_until_the_lock_is_free(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with held(mirror_of(address), "r1"):
        monkeypatch.setenv("PENSTOCK_CACHE", str(tmp_path / "two"))
        with pytest.raises(LockedError, match=rf"{address}; .*run r1, process \d+ on .*wait for it"):  # noqa: SIM117
            with held(mirror_of(address), "r2"):
                pytest.fail("both hold it")
        monkeypatch.setenv("PENSTOCK_CACHE", str(tmp_path / "one"))
    assert holder(address) == ""
    with held(mirror_of(address), "r2") as lock:
        assert holder(address) == "r2" and lock.still()


def test_what_a_dead_process_of_this_machine_left_is_taken_over_at_once(address: str) -> None:
    command = [sys.executable, "-c", DIES, str(mirror_of(address))]
    assert subprocess.run(command, check=False).returncode == 9
    assert holder(address) == "dead"
    with held(mirror_of(address), "r2"):
        assert holder(address) == "r2"


def test_whoever_is_heard_of_on_another_machine_keeps_it(address: str, elsewhere: Callable[[], None]) -> None:
    with lease(address, "r1").held() as first:
        elsewhere()
        pauses: list[float] = []

        def pause(seconds: float) -> None:
            pauses.append(seconds)
            assert len(pauses) < SILENT_BEATS or first.still()

        with pytest.raises(LockedError, match=r"run r1, process"), lease(address, "r2", pause).held():
            pytest.fail("both hold it")
        assert len(pauses) == SILENT_BEATS and holder(address) == "r1"


def test_what_a_lost_machine_left_is_taken_over_whatever_its_clock_said(
    address: str, elsewhere: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as ahead:
        ahead.setattr(time, "time", lambda: 4e9)
        lost = lease(address, "r1")
    with lost.held():
        elsewhere()
        pauses: list[float] = []
        with lease(address, "r2", pauses.append).held() as second:
            assert pauses == [BEAT_SECONDS] * SILENT_BEATS
            assert (holder(address), lost.still(), second.still()) == ("r2", False, True)
    assert holder(address) == "", "the one that lost it leaves it alone"


def test_of_several_that_see_the_same_silence_one_takes_over(
    address: str, elsewhere: Callable[[], None]
) -> None:
    with lease(address, "r1").held():
        elsewhere()
        together = threading.Barrier(4)

        def pause(seconds: float) -> None:
            together.wait(60)

        some = [lease(address, f"new {number}", pause) for number in range(4)]
        with ThreadPoolExecutor(4) as pool, contextlib.ExitStack() as stack:
            entered = [pool.submit(stack.enter_context, one.held()) for one in some]
            refused = [one.exception(60) for one in entered]
    assert sorted(type(one).__name__ for one in refused) == ["LockedError"] * 3 + ["NoneType"]


def test_what_is_given_back_while_it_is_watched_is_taken(address: str, elsewhere: Callable[[], None]) -> None:
    with contextlib.ExitStack() as stack:
        stack.enter_context(lease(address, "r1").held())
        elsewhere()
        with lease(address, "r2", lambda seconds: stack.close()).held():
            assert holder(address) == "r2"


def test_a_run_whose_lock_was_taken_over_is_ended(address: str) -> None:
    taken = b'{"run": "r2"}'
    with pytest.raises(LockedError, match=r"taken it over; remedy: wait for that run"):  # noqa: SIM117
        with Lease(f"{address}/lock", "r1", seconds=0.05).held():
            open_root(address).publish("lock", taken)
            threading.Event().wait(60)
    assert open_root(address).read("lock") == taken


def test_a_store_that_is_away_for_a_heartbeat_ends_nothing(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with lease(address, "r1").held() as lock:
        with monkeypatch.context() as away:
            away.setattr(type(lock._store), "find", _no_answer)
            assert not lock.still()
        assert lock.still()


def _no_answer(store: Store, key: str) -> None:
    raise StorageError(key).passing()


def test_a_lock_that_cannot_be_read_is_watched_like_any_other(address: str) -> None:
    open_root(address).publish("lock", b"\x00")
    with lease(address, "r1").held():
        assert holder(address) == "r1"

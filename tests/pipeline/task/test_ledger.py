"""Who works on a node: one at a time, the dead are taken over from, the living are not, whatever a clock says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from foundation.errors import LockedError
from foundation.processes.owner import Owner, goes_on
from pipeline.roots.base import Root
from pipeline.roots.opening import open_root
from pipeline.task.ended import Ended
from pipeline.task.ledger import LOOK_SECONDS, Claim, Ledger, Standing
from pipeline.task.pulse import Pulse

FOLDER = "runs/r"


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return open_root(str(tmp_path))


def ledger(root: Root) -> Ledger:
    return Ledger(root, FOLDER, "Trainer", pause=lambda seconds: None)


def never(done: Ended) -> bool:
    return False


def taken(root: Root) -> Claim:
    claim = ledger(root).claim(never)
    assert isinstance(claim, Claim)
    return claim


def owned_by(root: Root, claim: Claim, owner: Owner) -> None:
    """Has an attempt belong to another process."""
    root.publish(f"{claim.folder}/{claim.attempt:04d}.claim", json.dumps(owner.as_json()).encode())


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as running:
        yield running
        running.kill()


def owner_of(pid: int) -> Owner:
    ticks = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    return replace(Owner.this(), pid=pid, ticks=ticks)


def test_a_node_belongs_to_one_living_process(root: Root) -> None:
    assert (taken(root).result, ledger(root).standing().attempt) == (1, 1)

    with pytest.raises(LockedError, match=f"seen: process {os.getpid()} on ") as refused:
        taken(root)
    assert refused.value.may_pass


def test_the_outcome_of_another_process_is_waited_for(root: Root) -> None:
    claim = taken(root)
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            root.publish(claim.end, Ended("done", execution=7).to_bytes())

    found = Ledger(root, FOLDER, "Trainer", pause).claim(never, wait=3600)

    assert isinstance(found, Standing)
    assert found.done == Ended("done", execution=7)
    assert pauses == [LOOK_SECONDS] * 3


def test_waiting_ends(root: Root) -> None:
    taken(root)
    pauses: list[float] = []
    with pytest.raises(LockedError):
        Ledger(root, FOLDER, "Trainer", pauses.append).claim(never, wait=3 * LOOK_SECONDS)
    assert len(pauses) == 3


def test_the_next_attempt_takes_over_from_a_process_that_was_killed(
    root: Root, process: subprocess.Popen[bytes]
) -> None:
    owned_by(root, taken(root), owner_of(process.pid))
    with pytest.raises(LockedError):
        taken(root)

    process.kill()
    process.wait()

    assert taken(root).attempt == 2


def test_another_process_of_the_same_number_is_not_the_owner(root: Root) -> None:
    owned_by(root, taken(root), replace(Owner.this(), ticks=1))

    assert taken(root).attempt == 2


@pytest.mark.parametrize("beats", [True, False], ids=["beats", "silent"])
def test_a_process_elsewhere_lives_while_its_heartbeats_go_on(root: Root, beats: bool) -> None:
    claim = taken(root)
    owned_by(root, claim, replace(Owner.this(), kernel="another machine"))

    def pause(seconds: float) -> None:
        if beats:
            root.publish(claim.beat, str(int(root.read(claim.beat) or 0) + 1).encode())

    asking = Ledger(root, FOLDER, "Trainer", pause)
    if beats:
        with pytest.raises(LockedError):
            asking.claim(never)
    else:
        assert isinstance(asking.claim(never), Claim)


@pytest.mark.parametrize("jump", [-86400.0, 86400.0], ids=["back", "ahead"])
def test_a_clock_that_jumps_makes_nobody_dead_or_alive(jump: float, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1e9]
    monkeypatch.setattr("time.time", lambda: clock[0])
    counts = iter(range(100))

    def pause(seconds: float) -> None:
        clock[0] += jump

    assert goes_on(lambda: next(counts), pause)
    assert not goes_on(lambda: 7, pause)
    assert Owner.this().lives_here()


def test_the_result_of_a_node_that_is_done_is_returned_and_made_anew_only_if_wanted(root: Root) -> None:
    claim = taken(root)
    root.publish(claim.end, Ended("done", execution=3).to_bytes())

    again = ledger(root).claim(never)
    anew = ledger(root).claim(lambda done: done.execution == 3)

    assert not isinstance(again, Claim) and again.done and again.done.execution == 3
    assert isinstance(anew, Claim) and (anew.result, anew.attempt) == (2, 1)


def test_a_failed_attempt_is_followed_by_the_next(root: Root) -> None:
    root.publish(taken(root).end, Ended("failed", error="e", code=75).to_bytes())

    assert (taken(root).result, ledger(root).standing().attempt) == (1, 2)


def test_of_many_that_begin_at_once_exactly_one_does(root: Root) -> None:
    won, refused = [], []

    def begin() -> None:
        try:
            won.append(taken(root))
        except LockedError as error:
            refused.append(error)

    threads = [threading.Thread(target=begin) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (len(won), len(refused)) == (1, 7)


def test_heartbeats_are_numbered_and_end_when_another_process_has_taken_over(root: Root) -> None:
    claim, noticed = taken(root), threading.Event()
    with Pulse(root, claim, noticed.set, seconds=0.01):
        while int(root.read(claim.beat) or 0) < 3:
            assert not noticed.is_set()
        root.create(claim.successor, b"{}")
        assert noticed.wait(60)

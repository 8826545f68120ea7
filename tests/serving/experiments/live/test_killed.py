"""A process that is killed: what it told clients still holds, and what it counted counts once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from serving.experiments.assignment.memory import Assignment
from serving.experiments.live.journal import Journal, recover
from serving.experiments.live.live import Live
from serving.experiments.state.lifecycle import Phase, change
from serving.experiments.state.open import open_store
from serving.experiments.state.sqlite import SqliteStore
from serving.experiments.state.store import Rules

_PROCESS = """
import sys, time
from pathlib import Path
from serving.experiments.contract import Outcome
from serving.experiments.live.live import Live
live = Live(Path(sys.argv[1]), lead=0.0)
n = 0
while True:
    route = live.route("m")
    if route is None:
        continue
    n += 1
    unit, request = f"{sys.argv[2]}-{n}", f"{sys.argv[2]}-r{n}"
    choice = route.choose(unit, request)
    route.answered(choice, Outcome(request, "rest", "predict", time.time(), 0.001, 0, b"{}", b"{}"))
    print(unit, choice.arm, flush=True)
"""
_MODES = {
    "split": "mode: split",
    "new_units": "mode: {type: thompson, every: 1s, step: 20%}",
    "epochs": "mode: {type: thompson, every: 1s, step: 20%, stickiness: epochs, epoch: 1000d}",
}


def told_until_killed(document: Path, name: str, count: int) -> dict[str, str]:
    """Runs a process, kills it in the middle of its work, and returns what it told each unit."""
    command = [sys.executable, "-c", _PROCESS, str(document), name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = dict(process.stdout.readline().split() for _ in range(count))
        os.kill(process.pid, signal.SIGKILL)
        for line in process.stdout.read().splitlines():
            parts = line.split()
            if len(parts) == 2 and parts[1] in ("old", "new"):
                told[parts[0]] = parts[1]
    return told


@pytest.mark.parametrize("mode", _MODES)
def test_nobody_gets_another_arm_after_a_kill(mode: str, tmp_path: Path) -> None:
    document = tmp_path / "experiments.yaml"
    arms = "arms: {old: {version: 1, weight: 90%}, new: {version: 2, weight: 10%}}"
    document.write_text(
        f"experiments: {{e: {{model: m, control: old, {arms}, reward: {{window: 1h}}, {_MODES[mode]}}}}}"
    )
    live = Live(document, lead=0.0)
    change(live.store, "e", lambda life: life.moved_to(Phase.RUNNING, live.store.now()))
    live.close()
    told: dict[str, str] = {}
    for name in ("first", "second"):
        told |= told_until_killed(document, name, 300)
    assert set(told.values()) == {"old", "new"}
    live = Live(document, lead=0.0)
    try:
        # Weights move meanwhile, where they do.
        until = time.monotonic() + 30
        while (
            mode == "new_units"
            and live.keeper.world.shares_of("e")[1]["new"] < 0.4
            and time.monotonic() < until
        ):
            live.tick()
        route = live.route("m")
        assert route is not None
        again = {unit: route.choose(unit, "again") for unit in told}
        assert {unit: choice.arm for unit, choice in again.items() if choice} == told
        assert live.store.counters("e").get("units_switched", 0) == 0
    finally:
        live.close()


def assignment(arm: str) -> Assignment:
    return Assignment(arm, 0.25, (("old", 0.75), ("new", 0.25)), 7)


def test_a_journal_keeps_what_the_store_does_not_have_and_no_more(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "s.db")
    store.declare("e", Rules("reward", 60.0))
    journal = Journal(tmp_path / "units")
    units = [bytes([n]) * 16 for n in range(5)]
    for unit in units:
        journal.add("e", unit, assignment("new"))
    journal.confirm("e", units[:3])
    journal._written = 1 << 20
    journal.compact()
    assert recover(tmp_path / "units", store) == 0  # its process is alive
    (file,) = (tmp_path / "units").iterdir()
    assert len(file.read_bytes().splitlines()) == 2
    assert oct(file.stat().st_mode)[-3:] == "600"
    with file.open("ab") as cut:
        cut.write(b'{"unit": "cut by the k')
    journal.close()
    assert recover(tmp_path / "units", store) == 2
    found, _ = store.assigned("e", 0)
    assert [(unit.key, unit.arm, unit.propensity, unit.table) for unit in found] == [
        (unit.hex(), "new", 0.25, 7) for unit in units[3:]
    ]
    assert list((tmp_path / "units").iterdir()) == []
    store.close()


def test_a_journal_that_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "units").write_text("a file where the folder should be")
    journal = Journal(tmp_path / "units")
    journal.add("e", b"u" * 16, assignment("new"))
    assert journal.failed == 1
    journal.close()


def test_a_closed_process_leaves_no_journal(tmp_path: Path) -> None:
    document = tmp_path / "experiments.yaml"
    document.write_text(
        "experiments: {e: {model: m, control: old, arms: {old: {}, new: {}}, reward: {}, mode: thompson}}"
    )
    live = Live(document, lead=0.0)
    change(live.store, "e", lambda life: life.moved_to(Phase.RUNNING, live.store.now()))
    live.tick()
    route = live.route("m")
    assert route is not None
    assert route.choose("ann", "r") is not None
    assert len(list((tmp_path / "experiments.db.units").iterdir())) == 1
    live.close()
    store = open_store(live.document.state, tmp_path)
    assert recover(tmp_path / "experiments.db.units", store) in (0, 1)
    assert list((tmp_path / "experiments.db.units").iterdir()) == []
    store.close()

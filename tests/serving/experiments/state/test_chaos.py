"""Processes that are killed, that write the same at once, whose disk is full or whose clock is wrong."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from serving.experiments.state.postgresql import PostgresqlStore
from serving.experiments.state.sqlite import SqliteStore
from tests import postgresql
from tests.serving.experiments.state.conftest import RULES, Opener, by_unit, exposure, new_state

UNITS = 1000

_REPORTER = """
import sys
from pathlib import Path
from serving.experiments.state.sqlite import SqliteStore
from serving.experiments.state.store import Exposure, Reward

store, name, units = SqliteStore(Path(sys.argv[1])), sys.argv[2], int(sys.argv[3])
sys.stdin.readline()
for start in range(0, units, 20):
    keys = [f"{name}{n}" for n in range(start, start + 20)]
    if name != "u":
        store.expose([Exposure("e", key, f"r-{key}", "new", 0.5) for key in keys])
    receipts = store.reward([Reward("e", "retained", 1.0, key=key) for key in keys])
    for key, receipt in zip(keys, receipts):
        print(key, receipt.status.value, flush=True)
"""


def reporter(file: Path, name: str, units: int = UNITS) -> subprocess.Popen[str]:
    """Starts a process that reports a reward for each of its units, and prints what was acknowledged."""
    return subprocess.Popen(
        [sys.executable, "-c", _REPORTER, str(file), name, str(units)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def test_two_processes_that_report_the_same_thousand_rewards_count_each_once(tmp_path: Path) -> None:
    file = tmp_path / "e.db"
    store = SqliteStore(file)
    store.declare("e", RULES)
    store.expose([exposure(f"u{n}") for n in range(UNITS)])
    processes = [reporter(file, "u") for _ in range(2)]
    for process in processes:
        go(process)
    lines = [
        line.split() for process in processes for line in process.communicate(timeout=60)[0].splitlines()
    ]
    statuses = [status for _, status in lines]
    assert (statuses.count("accepted"), statuses.count("repeated")) == (UNITS, UNITS)
    assert store.pending("e")["new"].rewarded == UNITS
    store.close()


def test_a_process_that_is_killed_loses_no_acknowledged_reward_and_counts_none_twice(tmp_path: Path) -> None:
    file, chance = tmp_path / "e.db", random.Random(5)
    store = SqliteStore(file)
    store.declare("e", RULES)
    acknowledged: set[str] = set()
    for round_ in range(3):
        with reporter(file, f"{round_}-", 100_000) as process:
            go(process)
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(chance.randrange(1, 400))]
            time.sleep(chance.random() / 100)
            process.send_signal(signal.SIGKILL)
            lines += process.stdout.readlines()
        acknowledged |= {line.split()[0] for line in lines if line.endswith("accepted\n")}
    again = store.reward([by_unit(key) for key in sorted(acknowledged)])
    assert len(acknowledged) > 100
    assert {receipt.status.value for receipt in again} == {"repeated"}
    counts = store.pending("e")["new"]
    # What was committed but not acknowledged any more is at most a batch in each round.
    assert len(acknowledged) <= counts.rewarded <= counts.units
    assert store.counters("e")["accepted"] == counts.rewarded
    store.close()


_FILLED = """
import resource, sys
from pathlib import Path
from serving.experiments.state.exposures import Exposures
from serving.experiments.state.sqlite import SqliteStore
from serving.experiments.state.store import StoreAwayError
from tests.serving.experiments.state.conftest import RULES, by_unit, exposure
from tests.serving.experiments.state.test_away import batch

store = SqliteStore(Path(sys.argv[1]))
store.declare("e", RULES)
store.expose([exposure("u")])
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (250_000, hard))
sink = Exposures(store)
sink.take(batch(0, 5000))
assert not sink.flush(0.5), "the limit of the file's size has not held"
try:
    store.reward([by_unit("u")])
except StoreAwayError:
    print("away")
else:
    print("accepted")
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
assert sink.flush(30)
sink.close()
print(store.pending("e")["new"].units, sink.lost, store.reward([by_unit("u")])[0].status.value)
"""


def test_a_file_that_the_system_lets_grow_no_further_loses_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _FILLED, str(tmp_path / "e.db")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    first, last = done.stdout.splitlines()
    assert last == ("5001 0 accepted" if first == "away" else "5001 0 repeated")


def test_a_killed_process_leaves_no_lock_behind(tmp_path: Path) -> None:
    code = (
        "import os, sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None); "
        "c.execute('BEGIN IMMEDIATE'); c.execute('DELETE FROM penstock_documents'); os.kill(os.getpid(), 9)"
    )
    store = SqliteStore(tmp_path / "e.db")
    store.write("d", {"x": 1}, 0)
    killed = subprocess.run([sys.executable, "-c", code, str(tmp_path / "e.db")])
    assert killed.returncode == -signal.SIGKILL
    assert store.read("d") == (1, {"x": 1})
    assert store.write("d", {"x": 2}, 1)
    store.close()


@pytest.mark.integration
@pytest.mark.parametrize("shift", [-86400.0, 86400.0], ids=["a day behind", "a day ahead"])
def test_the_clock_of_the_database_decides_not_that_of_the_replica(
    database_server: postgresql.Server, monkeypatch: pytest.MonkeyPatch, shift: float
) -> None:
    right = time.time()
    monkeypatch.setattr(time, "time", lambda: right + shift)
    store = PostgresqlStore(new_state(database_server), "STATE_URL")
    assert abs(store.now() - right) < 600
    store.declare("e", RULES)
    store.expose([exposure("u")])
    assert store.matured("e", 0) == ([], 0)
    assert store.reward([by_unit("u")])[0].status == "accepted"
    store.close()


@pytest.mark.integration
def test_a_replica_that_stops_in_the_middle_of_a_transaction_holds_nobody_up_for_long(
    database_server: postgresql.Server,
) -> None:
    import psycopg

    store = PostgresqlStore(new_state(database_server), "STATE_URL")
    store.declare("e", RULES)
    with psycopg.connect(
        database_server.url("states"), options="-c idle_in_transaction_session_timeout=500"
    ) as other:
        other.execute("SELECT pg_advisory_xact_lock(%s)", (0x70656E73746F636B,))
        store.expose([exposure("u")])
        with pytest.raises(psycopg.Error):
            other.execute("SELECT 1")
    assert store.pending("e")["new"].units == 1
    store.close()


def test_pruning_goes_on_over_many_transactions(opener: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.serving.experiments.state.conftest import Clock

    monkeypatch.setattr("serving.experiments.state.sql.units.PRUNED_AT_A_TIME", 7)
    clock = Clock()
    store = opener(clock)
    store.declare("e", RULES)
    store.expose([exposure(f"r{n}", request=f"r{n}") for n in range(30)])
    store.expose([exposure(f"u{n}") for n in range(20)])
    store.reward([by_unit("r3"), by_unit("u3")])
    clock.at += 500
    units, cursor = store.matured("e", 0)
    assert len(units) == 50
    assert store.prune("e", cursor, 10.0) == 50
    assert store.prune("e", cursor, 10.0) == 0
    assert store.pending("e")["new"].closed == 50
    assert store.matured("e", 0)[1] == cursor

"""Processes that open one new state at the same moment: each waits for the others, as writers do."""

from __future__ import annotations

import multiprocessing
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from foundation.errors import StorageError
from serving.experiments.state.sqlite import SqliteStore
from serving.experiments.state.store import Store
from tests.serving.experiments.state.conftest import Opener

TOGETHER, TIMES = 8, 10
OTHER = """
import sys
from pathlib import Path
from serving.experiments.state.sqlite import SqliteStore
store = SqliteStore(Path(sys.argv[1]))
print(store.read("ours"))
store.close()
"""
"""A process of its own that opens the state and leaves: the last one to leave tidies up."""


def seen_by_another_process(file: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", OTHER, str(file)], check=True, capture_output=True, text=True, timeout=60
    )
    return done.stdout.strip()


def test_a_state_that_is_opened_twice_in_a_process_loses_nothing(tmp_path: Path) -> None:
    file = tmp_path / "state.db"
    first, second = SqliteStore(file), SqliteStore(file)
    assert seen_by_another_process(file) == "None"
    assert first.write("ours", {}, 0)
    assert seen_by_another_process(file) == "(1, {})"
    first.close()
    second.close()


def test_opening_waits_for_a_process_that_writes(tmp_path: Path) -> None:
    file = tmp_path / "state.db"
    other = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    other.execute("CREATE TABLE theirs (one)")
    ending = threading.Timer(0.3, lambda: other.execute("COMMIT"))
    ending.start()
    SqliteStore(file).close()
    ending.join()
    other.close()


def open_all(folder: Path, start: Any, said: Any) -> None:
    """Opens new files, each at the same moment as all other processes, and says what failed."""
    failed = []
    for number in range(TIMES):
        start.wait(60)
        try:
            SqliteStore(folder / f"{number}.db").close()
        except StorageError as error:
            failed.append(str(error))
    said.put(failed)


def test_one_new_file_is_opened_by_many_processes_at_once(tmp_path: Path) -> None:
    forking = multiprocessing.get_context("fork")
    start, said = forking.Barrier(TOGETHER), forking.Queue()
    processes = [forking.Process(target=open_all, args=(tmp_path, start, said)) for _ in range(TOGETHER)]
    for process in processes:
        process.start()
    assert [said.get(timeout=120) for _ in processes] == [[]] * TOGETHER
    for process in processes:
        process.join()


def test_one_new_state_is_used_by_many_at_once(opener: Opener) -> None:
    start = threading.Barrier(TOGETHER)

    def used(number: int) -> bool:
        start.wait(60)
        store: Store = opener()
        return store.write(f"document{number}", {}, 0)

    with ThreadPoolExecutor(TOGETHER) as threads:
        assert all(threads.map(used, range(TOGETHER)))

"""The lock: one holder at a time, gone with its process."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from foundation.errors import LockedError, StorageError
from foundation.lock import locked


def busy() -> LockedError:
    return LockedError("the lock", seen="another holder")


def hold(file: str, held: Event) -> None:
    with locked(Path(file)):
        held.set()
        signal.pause()


def test_a_second_holder_is_refused_until_the_first_lets_go(tmp_path: Path) -> None:
    file = tmp_path / "new" / "lock"
    with locked(file, busy), pytest.raises(LockedError, match="another holder"), locked(file, busy):
        pass
    with locked(file, busy):
        pass


def test_a_killed_process_leaves_no_lock(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    held = context.Event()
    process = context.Process(target=hold, args=(str(tmp_path / "lock"), held))
    process.start()
    assert held.wait(60)
    with pytest.raises(LockedError), locked(tmp_path / "lock", busy):
        pass
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()
    with locked(tmp_path / "lock", busy):
        pass


def test_without_an_error_of_its_own_the_second_holder_waits(tmp_path: Path) -> None:
    order = []

    def second() -> None:
        with locked(tmp_path / "lock"):
            order.append("second")

    with locked(tmp_path / "lock"):
        waiting = threading.Thread(target=second)
        waiting.start()
        waiting.join(0.1)
        order.append("first")
    waiting.join()
    assert order == ["first", "second"]


def test_an_error_of_the_block_is_not_taken_for_a_busy_lock(tmp_path: Path) -> None:
    with pytest.raises(BlockingIOError), locked(tmp_path / "lock", busy):
        raise BlockingIOError


def test_a_place_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="remedy"), locked(tmp_path / "file" / "lock"):
        pass

"""A program that is tied to its parent ends with it, however the parent ends."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from foundation.processes.tether import tethered

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has such a wish")

PARENT = """
import signal, subprocess, sys, time
from foundation.processes.tether import tethered
child = subprocess.Popen(tethered([sys.executable, "-c", "import time; time.sleep(60)"], signal.SIGKILL), start_new_session=True)
time.sleep({wait})
print(child.pid, flush=True)
time.sleep(60)
"""


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("wait", [0.0, 0.4], ids=["before it has begun", "while it runs"])
def test_it_ends_when_its_parent_is_killed(wait: float) -> None:
    code = PARENT.format(wait=wait)
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.communicate()
    deadline = time.monotonic() + 10
    while is_alive(child) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not is_alive(child)


def test_the_program_has_its_own_exit_code_and_process_id() -> None:
    program = [sys.executable, "-c", "import os, sys; print(os.getpid()); sys.exit(7)"]
    process = subprocess.Popen(tethered(program, signal.SIGTERM), stdout=subprocess.PIPE, text=True)
    said, _ = process.communicate(timeout=20)
    assert (process.returncode, int(said)) == (7, process.pid)

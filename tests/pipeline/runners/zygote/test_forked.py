"""What a forked process is given, what is seen of it, and that it and all it started end with whoever asked for it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from foundation.processes import children
from pipeline.runners.zygote.client import Zygote
from pipeline.runners.zygote.connect import ask
from pipeline.runners.zygote.forked import UNKNOWN
from pipeline.runners.zygote.place import NoZygoteError
from tests.foundation.processes.test_tether import is_alive
from tests.pipeline.runners.zygote.conftest import Fork, pid_of, until

CLIENT = """
import os, sys, time
from pathlib import Path
from pipeline.runners.zygote import client
from pipeline.runners.zygote.forked import fork_like_this
zygote = client.obtain(["json"])
with open(os.devnull, "w") as output:
    child = zygote.fork(fork_like_this("zygote_targets:waits", [], sys.path), [output.fileno()])
print(zygote.place.holder(), child.pid, flush=True)
time.sleep(120)
"""


def test_a_forked_process_is_as_a_new_one(fork: Fork, targets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLOUR", "rot")
    monkeypatch.setenv("TMPDIR", str(targets))
    told = []
    for _ in range(2):
        assert fork("tells", "a", "ä b").wait(30) == 7
        told.append(json.loads((targets / "output.txt").read_text(encoding="utf-8")))
    first, second = told
    mask = os.umask(0)
    os.umask(mask)
    assert first["arguments"] == ["a", "ä b"]
    assert (first["colour"], first["folder"], first["umask"]) == ("rot", str(targets), mask)
    assert first["temporary"] == str(targets)
    assert (first["session"], first["stdin"]) == (True, "")
    assert first["drawn"] != second["drawn"]
    held = [name for name in first["open"] if name.startswith("socket:") or name.endswith((".lock", ".log"))]
    assert len(held) == 1, "only its own connection"


def test_the_cpu_of_a_process_counts_for_whoever_asked_for_it(fork: Fork) -> None:
    before = children.cpu_seconds()
    assert fork("works").wait(60) == 0
    assert children.cpu_seconds() - before >= 0.3


@pytest.mark.parametrize(("target", "code"), [("dies", -signal.SIGSEGV), ("fails", 1)])
def test_a_process_has_its_own_exit_code(fork: Fork, targets: Path, target: str, code: int) -> None:
    child = fork(target)
    assert child.wait(30) == code
    assert child.poll() == child.returncode == code
    assert ("on purpose" in (targets / "output.txt").read_text()) == (target == "fails")


def test_it_is_waited_for_and_ended(fork: Fork) -> None:
    child = fork("waits")
    assert child.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        child.wait(0.05)
    child.terminate()
    assert child.wait(30) == -signal.SIGTERM
    other = fork("waits")
    other.kill()
    assert other.wait(30) == -signal.SIGKILL


def test_what_it_has_started_ends_with_it(fork: Fork, targets: Path) -> None:
    fork("leaves_one").wait(30)
    left = int((targets / "output.txt").read_text())
    assert until(lambda: not is_alive(left))


def test_it_ends_with_whoever_asked_for_it(zygote: Zygote, targets: Path) -> None:
    path = f"import sys; sys.path[:] = {[p for p in sys.path if p]!r}\n"
    starter = subprocess.Popen([sys.executable, "-c", path + CLIENT], stdout=subprocess.PIPE, text=True)
    assert starter.stdout is not None
    pid, child = map(int, starter.stdout.readline().split())
    assert pid == pid_of(zygote)
    starter.kill()
    starter.communicate()
    assert until(lambda: not is_alive(child))
    assert is_alive(pid)


def test_a_process_of_its_own_is_forked_too_and_ends_with_it(
    fork: Fork, zygote: Zygote, targets: Path
) -> None:
    parent = fork("starts_another", str(targets / "other.txt"))
    assert until(lambda: "\n" in (targets / "output.txt").read_text())
    child, its_parent = map(int, (targets / "output.txt").read_text().split())
    assert its_parent == pid_of(zygote)
    os.kill(parent.pid, signal.SIGKILL)
    assert until(lambda: not is_alive(child))


def test_it_goes_on_when_the_zygote_is_killed(fork: Fork, zygote: Zygote) -> None:
    going, ended = fork("waits"), fork("waits")
    os.kill(pid_of(zygote), signal.SIGKILL)
    assert until(lambda: zygote.place.holder() is None)
    assert going.poll() is None
    os.kill(ended.pid, signal.SIGTERM)
    assert ended.wait(30) == UNKNOWN
    going.end()
    assert until(lambda: not is_alive(going.pid))


def test_the_end_of_a_process_is_seen_though_the_zygote_is_stuck(fork: Fork, zygote: Zygote) -> None:
    child = fork("waits")
    os.kill(pid_of(zygote), signal.SIGSTOP)
    child.kill()
    assert child.wait(30) == -signal.SIGKILL


def test_a_zygote_that_is_stuck_is_not_waited_for(
    fork: Fork, zygote: Zygote, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Zygote.fork, "__defaults__", (0.2,))
    os.kill(pid_of(zygote), signal.SIGSTOP)
    with pytest.raises(NoZygoteError, match=r"nothing was ready within 0\.2 s"):
        fork("waits")
    os.kill(pid_of(zygote), signal.SIGCONT)
    assert until(lambda: ask(zygote.place.socket, {"status": True})["processes"] == 0)


def test_threads_that_a_module_starts_are_the_childs(fork: Fork, targets: Path) -> None:
    for _ in range(2):
        assert fork("imports_threads").wait(30) == 0
        assert (
            int((targets / "output.txt").read_text()) == 3
        )  # its own, the one that watches, and the module's


def test_an_environment_too_large_for_a_packet_is_no_fork(
    fork: Fork, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(20):
        monkeypatch.setenv(f"LARGE_{number}", "x" * 100_000)
    with pytest.raises(NoZygoteError, match="Message too long"):
        fork("waits")

"""Processes of our own code: what they are given, what is seen of them, and that they end with their starter."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from foundation.processes import children
from tests.foundation.processes.test_tether import is_alive

TARGET = """
import os, sys, time

def told():
    print(sys.argv[1:], os.environ.get("COLOUR"), flush=True)
    return 7

def waits():
    print("waiting", flush=True)
    time.sleep(60)

def works():
    until = time.process_time() + 0.3
    while time.process_time() < until:
        pass
"""

STARTER = """
import sys, time
from pathlib import Path
from foundation.processes import children
child = children.start("own_target:waits", [], output=Path(sys.argv[1]))
print(child.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module with functions to start, on the path; returns a file for their output."""
    (tmp_path / "own_target.py").write_text(TARGET, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path / "output.txt"


def test_a_child_gets_its_arguments_and_variables_and_has_its_own_exit_code(target: Path) -> None:
    target.write_text("of an earlier attempt", encoding="utf-8")
    child = children.start(
        "own_target:told", ["--port=1", "ä b"], output=target, environment={"COLOUR": "red"}
    )
    assert child.wait(timeout=30) == 7
    assert (child.poll(), child.returncode) == (7, 7)
    assert target.read_text(encoding="utf-8") == "['--port=1', 'ä b'] red\n"


def test_a_child_is_waited_for_and_ended(target: Path) -> None:
    child = children.start("own_target:waits", [], output=target)
    assert child.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        child.wait(timeout=0.05)
    child.kill()
    assert child.wait(timeout=30) == -signal.SIGKILL


def test_a_child_ends_with_its_starter(target: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(target.parent), *filter(None, sys.path)])}
    parent = subprocess.Popen(
        [sys.executable, "-c", STARTER, str(target)], stdout=subprocess.PIPE, text=True, env=environment
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.communicate()
    deadline = time.monotonic() + 30
    while is_alive(child) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not is_alive(child)


def test_a_runner_may_start_them_in_its_own_way(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    def starter(
        target: str, arguments: Sequence[str], *, output: Path, environment: Mapping[str, str]
    ) -> Any:
        seen.append((target, arguments, output, environment))

    monkeypatch.setattr(children, "_starter", [*children._starter])
    children.use(starter)
    children.start("m:f", ["a"], output=target)
    assert seen == [("m:f", ["a"], target, {})]


def test_the_cpu_of_a_child_is_counted_once_it_has_been_waited_for(target: Path) -> None:
    before = children.cpu_seconds()
    child = children.start("own_target:works", [], output=target)
    assert child.wait(60) == 0
    assert children.cpu_seconds() - before >= 0.3

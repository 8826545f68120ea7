"""The program that an engine starts a worker with."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from pipeline.engines.portable.worker import write_command

PARENT = """\
import os, subprocess, sys, time
print(subprocess.Popen(sys.argv[2:], stdout=subprocess.DEVNULL).pid, flush=True)
while not os.path.exists(sys.argv[1]): time.sleep(0.05)
"""
"""Ends once its child has started."""
ORPHAN = """\
import os, sys, time; sys.path[:] = {path!r}
from pipeline.engines.portable import worker
worker._LOOK = 0.05
parent = os.getppid()
open({file!r}, "w").write("started")
worker._end_with(parent)
"""


def test_a_worker_is_this_interpreter_with_these_paths(tmp_path: Path) -> None:
    command = write_command(tmp_path)
    said = subprocess.run([command, "--help"], cwd="/", env={}, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
    assert "--provision_endpoint" in said.stdout
    assert sys.executable in command.read_text(encoding="utf-8")


def test_a_worker_ends_when_its_engine_has(tmp_path: Path) -> None:
    code = ORPHAN.format(path=[p for p in sys.path if p], file=str(tmp_path / "started"))
    command = [sys.executable, "-c", PARENT, str(tmp_path / "started"), sys.executable, "-c", code]
    parent = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    worker = int(parent.stdout)
    deadline = time.monotonic() + 60
    while _alive(worker) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _alive(worker)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]

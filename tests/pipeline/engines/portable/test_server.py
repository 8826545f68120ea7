"""A job server's process: when it is ready, what is said if it never is, and that it ends."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from foundation.errors import NodeError
from pipeline.engines.portable.server import job_server

SERVER = """\
import os, sys, time
with open("pid", "w") as file:
    file.write(str(os.getpid()))
print("[main] INFO Driver - JobService started on localhost:4711", flush=True)
time.sleep(600)
"""
"""Stands for Java: it says what Beam's job server says, and waits."""


def test_the_address_is_what_the_server_says_and_it_ends_with_the_block(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("JobService started on localhost:1 in an earlier attempt\n", encoding="utf-8")
    with job_server([sys.executable, "-c", SERVER], log, tmp_path) as address:
        assert address == "localhost:4711"
        pid = int((tmp_path / "pid").read_text())
        os.kill(pid, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_server_that_ends_is_quoted(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import sys; print('no memory'); sys.exit(3)"]
    with (
        pytest.raises(NodeError, match=r"exit code 3: no memory.*read .*log"),
        job_server(command, tmp_path / "log", tmp_path),
    ):
        pass

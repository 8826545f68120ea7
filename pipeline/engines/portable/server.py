"""A job server of Beam as a process of Java, which ends with the process that started it."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from foundation.errors import NodeError
from foundation.processes.tether import tethered

PATIENCE = 180.0
"""Seconds until a server that says nothing is given up; it takes 5 to 10."""
LAST_BREATH = 10.0
"""Seconds that it may take to end."""
_STARTED = re.compile(r"\bJobService started on (\S+:\d+)")
_PAUSE = 0.1
_QUOTED = 3
"""Lines of its log that an error quotes."""


@contextmanager
def job_server(command: Sequence[str], log: Path, folder: Path) -> Iterator[str]:
    """Runs a job server.

    Call it in the main thread: on Linux the server ends with the thread that started it.

    Args:
        command: The program and its arguments; it has to choose its ports itself.
        log: File for all that it prints.
        folder: Its working folder.

    Yields:
        The address of its job service, ``host:port``.

    Raises:
        NodeError: It ended before it was ready, or never was.
    """
    with log.open("ab") as output:
        begun = output.tell()
        process = subprocess.Popen(
            tethered([*command], signal.SIGKILL),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=folder,
        )
    try:
        yield _address(process, log, begun)
    finally:
        _end(process)


def _address(process: subprocess.Popen[bytes], log: Path, begun: int) -> str:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        ended = process.poll() is not None  # before its log is read: what it said last is in there
        said = log.read_bytes()[begun:].decode(errors="replace")
        if found := _STARTED.search(said):
            return found[1]
        if ended:
            raise _failed(log, said, f"it ended with exit code {process.returncode}")
        time.sleep(_PAUSE)
    raise _failed(log, said, f"nothing for {PATIENCE:.0f} seconds")


def _failed(log: Path, said: str, seen: str) -> NodeError:
    last = " / ".join(said.strip().splitlines()[-_QUOTED:])[:400]
    return NodeError(
        "Beam's job server",
        expected="the address of its job service",
        seen=f"{seen}: {last}" if last else seen,
        remedy=f"read {log}",
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(LAST_BREATH)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()

"""Running one command to its end and measuring it: wall time, CPU of it and all its descendants, peak memory.

Descendants that outlive their parent are handed to this process (it is their subreaper), so their CPU is counted too and
none is left behind. Memory is the sum of the descendants' proportional set sizes, sampled twice a second.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import resource
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from foundation.errors import NodeError

PR_SET_CHILD_SUBREAPER = 36
SECONDS_BETWEEN_LOOKS = 0.5
SECONDS_BETWEEN_READS = 0.005


@dataclass(frozen=True)
class Measured:
    """What a command took.

    Attributes:
        wall: Seconds of wall time.
        cpu: Seconds of user and system CPU.
        peak: Bytes of memory at its peak.
        told: Seconds of wall time until it printed what was waited for; None if it never did.
    """

    wall: float
    cpu: float
    peak: int
    told: float | None = None


def run_measured(
    command: Sequence[str],
    folder: Path,
    log: Path,
    limit: float,
    environment: Mapping[str, str] | None = None,
) -> Measured:
    """Runs a command and measures it, with all that it leaves running, which is ended.

    Args:
        command: Program and arguments.
        folder: Its working directory.
        log: File that gets its output, standard output and error as they come.
        limit: Seconds after which its process group is killed.
        environment: All its environment variables; by default those of this process.

    Raises:
        NodeError: It failed, or did not end in time.
    """
    with session() as measuring:
        return measuring.run(command, folder, log, limit, environment)


class Session:
    """Commands measured one after the other; what one leaves running works for the next and is counted there.

    Args:
        others: Processes that do not belong to it.
    """

    def __init__(self, others: set[int]) -> None:
        self._others = others

    def run(
        self,
        command: Sequence[str],
        folder: Path,
        log: Path,
        limit: float,
        environment: Mapping[str, str] | None = None,
        waits_for: str = "",
    ) -> Measured:
        """Runs a command and measures it, see ``run_measured``; what it leaves running stays.

        Args:
            command: Program and arguments.
            folder: Its working directory.
            log: File that gets its output.
            limit: Seconds after which it is killed.
            environment: All its environment variables.
            waits_for: Pattern of what somebody waits to read in its output.
        """
        before = self._cpu()
        with log.open("wb") as out, _followed(log, waits_for) as told:
            began = time.perf_counter()
            process = subprocess.Popen(
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=environment,
                start_new_session=True,
            )
            timer = threading.Timer(limit, os.killpg, (process.pid, signal.SIGKILL))
            timer.start()
            try:
                with _watched_memory(self._others) as memory:
                    code = process.wait()
                    wall = time.perf_counter() - began
            finally:
                timer.cancel()
        cpu = self._cpu() - before
        if code != 0:
            seen = f"exit code {code} after {wall:.0f} of at most {limit:.0f} s: {_last_lines(log)}"
            raise NodeError(" ".join(command), expected="exit code 0", seen=seen, remedy=f"read {log}")
        return Measured(wall, cpu, memory.peak, told[0] - began if told else None)

    def end(self) -> None:
        """Kills what is left running."""
        _end_descendants(self._others)

    def _cpu(self) -> float:
        """Returns the CPU seconds of the descendants that have ended and of those that still run."""
        self._reap()
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        mine = [pid for pid in descendants(os.getpid()) if pid not in self._others]
        return ended.ru_utime + ended.ru_stime + sum(map(_cpu_seconds, mine))

    def _reap(self) -> None:
        """Takes over the usage of orphans that have ended."""
        for pid in descendants(os.getpid()):
            if pid not in self._others:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)


@contextlib.contextmanager
def session() -> Iterator[Session]:
    """Gives a session, and ends at its end all that its commands have left running."""
    measuring = Session(set(descendants(os.getpid())))
    with _orphans_come_here():
        try:
            yield measuring
        finally:
            measuring.end()


@contextlib.contextmanager
def _orphans_come_here() -> Iterator[None]:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")
    try:
        yield
    finally:
        libc.prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def _end_descendants(others: set[int]) -> None:
    """Kills what a command has left running and takes over its resource usage; ``others`` do not belong to it."""
    while left := [pid for pid in descendants(os.getpid()) if pid not in others]:
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)


def descendants(pid: int) -> list[int]:
    """Returns the ids of all processes under one, itself not among them."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                children.setdefault(parent_in_stat((entry / "stat").read_text()), []).append(int(entry.name))
    found, todo = [], [pid]
    while todo:
        new = children.get(todo.pop(), [])
        found += new
        todo += new
    return found


def _cpu_seconds(pid: int) -> float:
    """Returns user and system seconds of a process and of its children that have ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:  # it has just ended
        return 0.0
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def parent_in_stat(stat: str) -> int:
    """Returns the parent's id from the text of /proc/PID/stat; the name in it may hold anything."""
    return int(stat.rpartition(")")[2].split()[1])


class _Memory:
    def __init__(self, others: set[int]) -> None:
        self.peak = 0
        self._others = others

    def look(self) -> None:
        """Adds the processes' memory up and keeps the largest sum."""
        mine = (pid for pid in descendants(os.getpid()) if pid not in self._others)
        self.peak = max(self.peak, sum(map(_proportional_bytes, mine)))


@contextlib.contextmanager
def _followed(log: Path, pattern: str) -> Iterator[list[float]]:
    """Yields a list that gets the moment at which a pattern, if one is given, is first found in a file."""
    told: list[float] = []
    ended = threading.Event()

    def follow() -> None:
        while not told and not ended.wait(SECONDS_BETWEEN_READS):
            if re.search(pattern, log.read_text(encoding="utf-8", errors="replace")):
                told.append(time.perf_counter())

    thread = threading.Thread(target=follow)
    if pattern:
        thread.start()
    try:
        yield told
    finally:
        ended.set()
        if pattern:
            thread.join()


@contextlib.contextmanager
def _watched_memory(others: set[int]) -> Iterator[_Memory]:
    memory, ended = _Memory(others), threading.Event()

    def watch() -> None:
        while not ended.wait(SECONDS_BETWEEN_LOOKS):
            memory.look()

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield memory
    finally:
        ended.set()
        thread.join()


def _proportional_bytes(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:  # it has just ended
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def _last_lines(log: Path, count: int = 5) -> str:
    return " | ".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-count:])

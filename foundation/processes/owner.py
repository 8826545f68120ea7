"""Which process it is that has something to itself, and whether it lives: told without any clock.

On the same machine the kernel knows. Elsewhere it is alive whose heartbeats go on: they are numbered, and only whether the
number grows while one watches counts, so a clock that jumps makes nobody dead or alive.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

BEAT_SECONDS = 3.0
"""Between two heartbeats."""
SILENT_BEATS = 5
"""After so many heartbeats that did not come, a process on another machine counts as dead."""


@dataclass(frozen=True)
class Owner:
    """A process, so that another one can ask for it.

    Attributes:
        pid: Its id.
        host: Name of its machine or container, for people.
        kernel: The boot of the machine and the namespace that ``pid`` belongs to.
        ticks: When it was started, in clock ticks since that boot; another process of the same id has another.
    """

    pid: int
    host: str
    kernel: str
    ticks: int

    @classmethod
    def this(cls) -> Owner:
        """Returns this process."""
        return cls(os.getpid(), socket.gethostname(), _kernel(), _ticks(os.getpid()) or 0)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Owner:
        """Returns the owner that ``as_json`` made these values of."""
        return cls(int(value["pid"]), str(value["host"]), str(value["kernel"]), int(value["ticks"]))

    def as_json(self) -> dict[str, Any]:
        """Returns the owner as plain values."""
        return asdict(self)

    def lives_here(self) -> bool | None:
        """Returns whether the process lives, None where this machine cannot know."""
        if not self.kernel or self.kernel != _kernel():
            return None
        return _ticks(self.pid) == self.ticks

    def __str__(self) -> str:
        """Names the process."""
        return f"process {self.pid} on {self.host}"


def goes_on(
    last: Callable[[], object], pause: Callable[[float], None] = time.sleep, beats: int = SILENT_BEATS
) -> bool:
    """Watches heartbeats and returns whether another one comes.

    Args:
        last: Returns what tells the last heartbeat from the next, such as its number.
        pause: Waits for so many seconds.
        beats: How many are waited for.
    """
    before = last()
    for _ in range(beats):
        pause(BEAT_SECONDS)
        if last() != before:
            return True
    return False


def _kernel() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def _ticks(pid: int) -> int | None:
    """Returns when a process was started, ``proc_pid_stat(5)``; None for one that does not live."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])

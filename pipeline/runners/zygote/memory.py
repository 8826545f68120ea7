"""Whether there is memory for another forked process, and how much a process has for itself."""

from __future__ import annotations

from pathlib import Path

from foundation.processes.memory import available

_NEEDED = 256 * 2**20
"""Bytes that a forked process writes to before its node has done anything, with a margin."""


def lacking() -> str:
    """Returns why there is too little memory for a forked process, empty if there is enough."""
    free = available()
    if free is None or free >= _NEEDED:
        return ""
    return f"only {free // 2**20} MiB of memory are free"


def proportional(pid: int) -> int | None:
    """Returns the bytes of a process, those it shares with others divided among them; None if unknown."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), None)

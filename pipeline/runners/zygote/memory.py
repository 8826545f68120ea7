"""How much memory is free for another process, and how much a process has for itself."""

from __future__ import annotations

from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")
_NEEDED = 256 * 2**20
"""Bytes that a forked process writes to before its node has done anything, with a margin."""


def lacking() -> str:
    """Returns why there is too little memory for a forked process, empty if there is enough."""
    free = available()
    if free is None or free >= _NEEDED:
        return ""
    return f"only {free // 2**20} MiB of memory are free"


def available() -> int | None:
    """Returns the bytes that are free on the machine and in this process's control group; None if unknown."""
    told = [n for n in (_of_machine(Path("/proc/meminfo")), _of_group(_CGROUP)) if n is not None]
    return min(told, default=None)


def proportional(pid: int) -> int | None:
    """Returns the bytes of a process, those it shares with others divided among them; None if unknown."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), None)


def _of_machine(file: Path) -> int | None:
    try:
        lines = file.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), None)


def _of_group(folder: Path) -> int | None:
    try:
        limit, used = (
            (folder / name).read_text(encoding="ascii").strip() for name in ("memory.max", "memory.current")
        )
        stat = dict(
            line.split() for line in (folder / "memory.stat").read_text(encoding="ascii").splitlines()
        )
    except (OSError, ValueError):
        return None
    if not limit.isdigit():
        return None
    return int(limit) - int(used) + int(stat.get("inactive_file", 0))

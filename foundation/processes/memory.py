"""How much memory is free, and how much a process has for itself, on Linux."""

from __future__ import annotations

from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")


def available() -> int | None:
    """Returns the bytes that are free on the machine and in this process's control group; None if unknown."""
    told = [n for n in (_of_machine(Path("/proc/meminfo")), _of_group(_CGROUP)) if n is not None]
    return min(told, default=None)


def private() -> int | None:
    """Returns the bytes that this process shares with no other, so what another one like it would need; None if unknown."""
    return _summed(Path("/proc/self/smaps_rollup"), "Private_")


def resident() -> int | None:
    """Returns the bytes of this process that are in memory; None if unknown."""
    return _summed(Path("/proc/self/status"), "VmRSS:")


def peak() -> int | None:
    """Returns the most bytes of this process that were in memory at once so far; None if unknown."""
    return _summed(Path("/proc/self/status"), "VmHWM:")


def _summed(file: Path, name: str) -> int | None:
    """Returns the sum of the lines whose name begins so, which are in KiB."""
    try:
        lines = file.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return None
    found = [int(line.split()[1]) * 1024 for line in lines if line.startswith(name)]
    return sum(found) if found else None


def _of_machine(file: Path) -> int | None:
    return _summed(file, "MemAvailable:")


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

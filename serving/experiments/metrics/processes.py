"""CPU time and memory of the processes behind backends on this machine, from ``/proc``."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_LISTEN: Final = "0A"
_LOOK_AGAIN_SECONDS: Final = 30.0
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process used.

    Attributes:
        cpu_seconds: Its CPU time so far.
        memory_bytes: Its resident memory.
    """

    cpu_seconds: float
    memory_bytes: int


class Processes:
    """Finds the processes that listen on ports of this machine, and reads what they use.

    Args:
        addresses: Backend → ``HOST:PORT``. Addresses of other machines, and processes of other users, have no usage.
    """

    def __init__(self, addresses: dict[str, str]) -> None:
        self._ports = {name: port for name, address in addresses.items() if (port := _local_port(address))}
        self._found: dict[str, int] = {}
        self._looked = -_LOOK_AGAIN_SECONDS

    def read(self) -> dict[str, Usage]:
        """Returns backend → usage, for those whose process is found."""
        usages = {name: usage for name, process in self._found.items() if (usage := usage_of(process))}
        if len(usages) < len(self._ports) and time.monotonic() - self._looked >= _LOOK_AGAIN_SECONDS:
            self._looked = time.monotonic()
            listeners = _listeners(set(self._ports.values()))
            self._found = {name: listeners[port] for name, port in self._ports.items() if port in listeners}
            usages = {name: usage for name, process in self._found.items() if (usage := usage_of(process))}
        return usages


def usage_of(process: int) -> Usage | None:
    """Returns what a process used; None if it is gone or there is no ``/proc``."""
    try:
        # The name in parentheses may hold anything.
        fields = (_PROC / str(process) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return Usage((int(fields[11]) + int(fields[12])) / _TICKS, int(fields[21]) * _PAGE)


def _local_port(address: str) -> int | None:
    host, _, port = address.rpartition(":")
    try:
        local = host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return None
    return int(port) if local and port.isdigit() else None


def _listeners(ports: set[int]) -> dict[int, int]:
    """Returns port → process."""
    inodes: dict[str, int] = {}
    for table in ("tcp", "tcp6"):
        try:
            lines = (_PROC / "net" / table).read_text().splitlines()[1:]
        except OSError:
            continue
        for fields in map(str.split, lines):
            port = int(fields[1].rpartition(":")[2], 16)
            if fields[3] == _LISTEN and port in ports:
                inodes[f"socket:[{fields[9]}]"] = port
    found: dict[int, int] = {}
    for folder in _PROC.glob("[0-9]*/fd") if inodes else ():
        process = int(folder.parent.name)
        for link in _links(folder):
            if link in inodes:
                found[inodes[link]] = min(found.get(inodes[link], process), process)
    return found


def _links(folder: Path) -> list[str]:
    """Returns what the open files of a process are; empty for another user's, or one that is gone."""
    links = []
    with contextlib.suppress(OSError), os.scandir(folder) as handles:
        for handle in handles:
            with contextlib.suppress(OSError):  # closed in the meantime
                links.append(os.readlink(handle.path))
    return links

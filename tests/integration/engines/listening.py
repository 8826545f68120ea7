"""The addresses that a process and everything it started listen on, as Linux tells them."""

from __future__ import annotations

import ipaddress
import os
import re
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_LISTENS = "0A"
_PARENT = 1
"""Its place after the name in ``/proc/PID/stat``."""


def addresses(ancestor: int) -> dict[str, set[str]]:
    """Returns name of the program → addresses that its processes accept connections on.

    Args:
        ancestor: Process id; what it started counts, too.
    """
    listening = dict(_sockets())
    found: dict[str, set[str]] = {}
    for pid in _family(ancestor):
        with suppress(OSError):  # it has ended
            name = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
            found.setdefault(name, set()).update(listening[one] for one in _open(pid) & listening.keys())
    return found


def _family(ancestor: int) -> set[int]:
    parents = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parents[int(file.parent.name)] = int(file.read_text().rpartition(")")[2].split()[_PARENT])
    family, before = {ancestor}, 0
    while len(family) > before:
        before = len(family)
        family |= {pid for pid, parent in parents.items() if parent in family}
    return family


def _open(pid: int) -> set[str]:
    found = set()
    for file in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            found.update(re.findall(r"^socket:\[(\d+)\]$", os.readlink(file)))
    return found


def _sockets() -> Iterator[tuple[str, str]]:
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text(encoding="ascii").splitlines()[1:]:
            _, local, _, state, *_, inode = line.split()[:10]
            if state == _LISTENS:
                yield inode, _address(local.partition(":")[0])


def _address(written: str) -> str:
    """Returns an address of the table, which has it in words of the machine's byte order."""
    words = [int(written[at : at + 8], 16) for at in range(0, len(written), 8)]
    found = ipaddress.ip_address(struct.pack(f"={len(words)}I", *words))
    return str(getattr(found, "ipv4_mapped", None) or found)

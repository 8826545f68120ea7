"""What tests of several processes share: folders that are built once, ports that do not collide, files kept whole.

``tests/README.md`` says how to use it.
"""

from __future__ import annotations

import os
import random
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling

from foundation.lock import locked

TOGETHER = (
    "tests/serving/client/served",
    "tests/serving/experiments/state",
    "tests/integration/metadata",
)
"""Folders whose files run one after the other in one process, because a fixture of theirs is costly: a server that is
started once for all of them. Any other file may run beside any other."""

LONGEST_FIRST = ("e2e", "component", "integration", "browser")
"""Markers in the order in which their files are given out: what takes long must not be left for the end."""


class WholeFiles(LoadScopeScheduling):
    """Gives each file (or folder of ``TOGETHER``) to one process: fixtures of a module are made once, and order holds."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return next((folder for folder in TOGETHER if file.startswith(f"{folder}/")), file)


def put_longest_first(items: list[pytest.Item]) -> None:
    """Sorts tests by their file's longest marker; within that, they keep their order."""

    def rank(item: pytest.Item) -> int:
        marks = {mark.name for mark in item.iter_markers()}
        return next((i for i, name in enumerate(LONGEST_FIRST) if name in marks), len(LONGEST_FIRST))

    ranks: dict[Path, int] = {}
    for item in items:
        ranks[item.path] = min(rank(item), ranks.get(item.path, len(LONGEST_FIRST)))
    items.sort(key=lambda item: ranks[item.path])


def shared_folder(factory: pytest.TempPathFactory) -> Path:
    """Returns a folder that all processes of this run of tests have in common."""
    own = factory.getbasetemp()
    return (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "shared"


def once(factory: pytest.TempPathFactory, name: str, build: Callable[[Path], None]) -> Path:
    """Returns a folder that the first test process to ask for it builds, and that all of them only read.

    Args:
        factory: Pytest's temporary folders.
        name: The folder's name in this run of tests.
        build: Fills the empty folder. If it fails, the next process tries again.
    """
    shared = shared_folder(factory)
    folder, done = shared / name, shared / f"{name}.done"
    with locked(shared / f"{name}.lock"):
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            build(folder)
            done.touch()
    return folder


def importing() -> dict[str, str]:
    """Returns variables with which a new Python finds our packages, in whatever folder it starts.

    They are this process's where the packages are installed from here: a run with another ``PYTHONPATH`` is one of another
    environment, and starts a zygote of its own. The first entry of the path belongs to the command that runs.
    """
    root = str(Path(__file__).resolve().parents[1])
    if root in sys.path[1:]:
        return dict(os.environ)
    paths = [root, os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


def _ports() -> Iterator[int]:
    """Goes through this process's share of the ports below those that the system gives out by itself."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    share = range(10_000 + worker % 10 * 2_000, 12_000 + worker % 10 * 2_000)
    begin = random.SystemRandom().randrange(len(share))
    while True:
        yield from share[begin:]
        begin = 0


_PORTS = _ports()


def free_port() -> int:
    """Returns a TCP port of the loopback that nobody holds, and that this process does not give out again soon."""
    for port in _PORTS:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("ports never end")

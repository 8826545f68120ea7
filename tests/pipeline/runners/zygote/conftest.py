"""A zygote that imports next to nothing, in a run-time folder of its own, and targets for it to fork."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.runners.zygote import client
from pipeline.runners.zygote.client import Zygote
from pipeline.runners.zygote.forked import Forked, fork_like_this

TARGETS = """
import json, os, random, signal, subprocess, sys, tempfile, threading, time
from pathlib import Path

def tells():
    print(json.dumps({
        "arguments": sys.argv[1:], "colour": os.environ.get("COLOUR"), "folder": os.getcwd(),
        "umask": os.umask(0), "session": os.getsid(0) == os.getpid(), "stdin": sys.stdin.read(),
        "drawn": random.random(), "temporary": tempfile.gettempdir(), "threads": threading.active_count(),
        "open": [os.readlink(f"/proc/self/fd/{n}") for n in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{n}")],
    }), flush=True)
    return 7

def waits():
    print("waiting", flush=True)
    time.sleep(120)

def leaves_one():
    print(subprocess.Popen(["sleep", "120"]).pid, flush=True)
    return 0

def works():
    until = time.process_time() + 0.3
    while time.process_time() < until:
        pass

def dies():
    os.kill(os.getpid(), signal.SIGSEGV)

def fails():
    raise RuntimeError("on purpose")

def starts_another():
    from foundation.processes import children
    child = children.start("zygote_targets:waits", [], output=Path(sys.argv[1]))
    print(child.pid, Path(f"/proc/{child.pid}/stat").read_text().split()[3], flush=True)
    time.sleep(120)

def imports_threads():
    import zygote_threads
    print(threading.active_count(), flush=True)

def tells_collection():
    import gc, zygote_preload
    print(json.dumps([zygote_preload.COLLECTS, gc.isenabled(), gc.get_freeze_count() > 1000]), flush=True)

def greets_and_hangs():
    os.write(int(sys.argv[3]), b'{"done": "start"}\\n')
    time.sleep(120)

def answers_all():
    with os.fdopen(int(sys.argv[2])) as requests, os.fdopen(int(sys.argv[3]), "w") as answers:
        print(json.dumps({"done": "start"}), file=answers, flush=True)
        for line in requests:
            (kind, value), *_ = json.loads(line).items()
            if value == "Dies":
                os.kill(os.getpid(), signal.SIGKILL)
            if kind == "run":
                print(json.dumps({"progress": {"epoch": 1}}), file=answers, flush=True)
            print(json.dumps({"done": value, "execution": os.getpid()}), file=answers, flush=True)
"""
THREADS = "import threading, time\nthreading.Thread(target=time.sleep, args=(120,), daemon=True).start()\n"
PRELOAD = """
import signal, threading, time
signal.signal(signal.SIGUSR1, lambda *a: threading.Thread(target=time.sleep, args=(120,), daemon=True).start())
"""


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The run-time folder, which must have a short path; whatever zygote is in it is ended afterwards."""
    short = Path(tempfile.mkdtemp(prefix="zyg"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(short))
    yield short / "penstock"
    for lock in (short / "penstock").glob("*.lock"):
        if lock.read_text().strip().isdigit():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(lock.read_text()), signal.SIGKILL)
    shutil.rmtree(short)


@pytest.fixture
def targets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of modules on the path."""
    (tmp_path / "zygote_targets.py").write_text(TARGETS, encoding="utf-8")
    (tmp_path / "zygote_threads.py").write_text(THREADS, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


@pytest.fixture
def zygote(folder: Path, targets: Path) -> Zygote:
    """A zygote with one light module."""
    return client.obtain(["json"])


Fork = Callable[..., Forked]


@pytest.fixture
def fork(zygote: Zygote, targets: Path) -> Iterator[Fork]:
    """Forks a target; its output goes to ``output.txt`` in its folder."""
    made: list[Forked] = []

    def make(target: str, *arguments: str) -> Forked:
        asked = fork_like_this(
            f"zygote_targets:{target}", arguments, [p for p in sys.path if p], str(targets)
        )
        with (targets / "output.txt").open("wb") as output:
            made.append(zygote.fork(asked, [output.fileno()]))
        return made[-1]

    yield make
    for one in made:
        one.end()


def until(true: Callable[[], bool]) -> bool:
    """Waits until something is true; returns whether it became so."""
    deadline = time.monotonic() + 60
    while not true() and time.monotonic() < deadline:
        time.sleep(0.02)
    return true()


def pid_of(zygote: Zygote) -> int:
    """The process of a zygote."""
    pid = zygote.place.holder()
    assert pid is not None
    return pid

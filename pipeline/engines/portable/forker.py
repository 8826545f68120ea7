"""A process that has loaded what workers need, and forks one when it is asked: two workers load TensorFlow once.

It stays single-threaded and runs no operation, so that what it forks can do anything. Where a run has a zygote, this process
is forked from it and has everything from the start.

A request is one line on its socket: ``{"start": [arguments of the worker]}``, answered by ``{"pid": …}``.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import os
import signal
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from foundation.processes.importing import uncollected

BEAM = "apache_beam.runners.worker.sdk_worker_main"
SECONDS = 180.0
"""How long an answer is waited for: importing TensorFlow takes 20 seconds on a loaded machine."""
_workers: set[int] = set()


def main() -> int:
    """Serves requests until it is ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("socket", type=Path)
    parser.add_argument("modules", nargs="*", help="what workers need beside Beam's own")
    given = parser.parse_args()
    with uncollected():
        for name in (BEAM, *given.modules):
            importlib.import_module(name)
    gc.freeze()
    signal.signal(signal.SIGTERM, _end)
    # Waited for, so that their CPU seconds are this process's, and in the end the node's.
    signal.signal(signal.SIGCHLD, _reap)
    with socket.socket(socket.AF_UNIX) as listening:
        temporary = given.socket.with_suffix(".made")
        listening.bind(str(temporary))
        listening.listen()
        temporary.rename(given.socket)
        while True:
            _serve(listening)


def _serve(listening: socket.socket) -> None:
    connection, _ = listening.accept()
    with connection, connection.makefile("rw", encoding="utf-8") as lines:
        arguments = json.loads(lines.readline())["start"]
        forked = os.fork()
        if not forked:
            listening.close()
            connection.close()
            _work(arguments)
        _workers.add(forked)
        lines.write(json.dumps({"pid": forked}) + "\n")


def _reap(*_: Any) -> None:
    with suppress(ChildProcessError):
        while pid := os.waitpid(-1, os.WNOHANG)[0]:
            _workers.discard(pid)


def _end(*_: Any) -> NoReturn:
    """Ends the workers and this process."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for pid in _workers:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    with suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)
    os._exit(0)


def _work(arguments: Sequence[str]) -> NoReturn:
    """Becomes a worker; does not return."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _workers.clear()
    code = 1
    try:
        from pipeline.engines.portable import worker

        sys.argv = ["penstock-beam-worker", *arguments]
        worker.main()
        code = 0
    finally:
        with suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def ask(place: Path, arguments: Sequence[str]) -> int:
    """Has a worker started and returns its process id.

    Args:
        place: The process's socket.
        arguments: The worker's, see ``worker``.

    Raises:
        OSError: Nobody listens there, or no answer comes.
    """
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(SECONDS)
        connection.connect(str(place))
        with connection.makefile("rw", encoding="utf-8") as lines:
            lines.write(json.dumps({"start": [*arguments]}) + "\n")
            lines.flush()
            answer = lines.readline()
    if not answer:
        raise ConnectionError(f"{place} gave no answer")
    return int(json.loads(answer)["pid"])

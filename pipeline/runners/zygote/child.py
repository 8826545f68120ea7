"""A forked process: it becomes what a new one would be, says that it is ready, and ends with whoever asked for it."""

from __future__ import annotations

import os
import random
import resource
import select
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from foundation.processes import children
from pipeline.runners.zygote import protocol
from pipeline.runners.zygote.protocol import Fork
from pipeline.runners.zygote.starter import ForkedStarter


def become(fork: Fork, connection: socket.socket, descriptors: Sequence[int]) -> int:
    """Turns this process, just forked, into the one that was asked for, and runs it.

    Args:
        fork: What was asked for.
        connection: The connection to whoever asked.
        descriptors: The file for its output, then what is named to it after its arguments.

    Returns:
        Its exit code.
    """
    socket_path = connection.getsockname()
    output, *handed = descriptors
    os.setsid()
    _reset_signals()
    _reset_streams(output)
    _reset_surroundings(fork)
    _reset_generators()
    if _is_alone(connection):
        return 1
    threading.Thread(target=_watch, args=(connection,), daemon=True).start()
    children.use(ForkedStarter(Path(socket_path)))
    protocol.send(connection, {"ready": os.getpid()})
    return children.run(fork.target, [*fork.arguments, *map(str, handed)])


def _reset_signals() -> None:
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def _reset_streams(output: int) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    for descriptor in (nothing, output):
        os.close(descriptor)
    # As with PYTHONUNBUFFERED: what was printed before a kill is in the log.
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(write_through=True)  # type: ignore[union-attr]


def _reset_surroundings(fork: Fork) -> None:
    os.environ.clear()
    os.environ.update(fork.environment)
    time.tzset()
    tempfile.tempdir = None  # TMPDIR may be another
    os.chdir(fork.folder)
    os.umask(fork.umask)
    sys.path[:] = fork.search
    # Neither may be had: cores that were taken away since, limits and priorities better than the zygote's.
    with suppress(OSError):
        os.sched_setaffinity(0, fork.cores)
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, fork.nice)
    for name, limits in fork.limits.items():
        with suppress(OSError, ValueError):
            resource.setrlimit(getattr(resource, name), (limits[0], limits[1]))


def _reset_generators() -> None:
    """Gives Python's and NumPy's generators seeds of their own: two children must not draw the same numbers."""
    random.seed()
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed()


def _is_alone(connection: socket.socket) -> bool:
    poll = select.poll()
    poll.register(connection, select.POLLRDHUP)
    return bool(poll.poll(0))


def _watch(connection: socket.socket) -> None:
    """Ends this process and all it started when whoever asked for it is gone."""
    poll = select.poll()
    poll.register(connection, select.POLLRDHUP)
    poll.poll()
    os.killpg(0, signal.SIGKILL)

"""The zygote's process: imports, then forks what it is asked for until nobody asks any more.

It runs no operation, opens no channel and no store, and loads no code of a person's: TensorFlow's threads do not
survive a fork, so it refuses to fork as soon as it has a thread more than after its imports.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from foundation.processes.importing import uncollected
from pipeline.runners.zygote import fingerprint, memory, preload, protocol
from pipeline.runners.zygote.child import become
from pipeline.runners.zygote.place import Place, runtime_folder
from pipeline.runners.zygote.protocol import Fork

Program = Callable[[], int]


def main(settings: str) -> int:
    """Runs a zygote, and in each forked process what that was asked to be.

    Args:
        settings: JSON: ``state``, ``preload``, ``search``, ``idle`` and ``looks`` in seconds, and ``lock``, a descriptor.

    Returns:
        The exit code.
    """
    if os.fork():
        os._exit(0)  # nobody waits for it, and it outlives the run that started it
    told = json.loads(settings)
    before = dict(os.environ)
    changed = partial(_changed, told["state"], told["preload"], told["search"], before)
    place = Place(runtime_folder(), fingerprint.environment_digest(), told["state"])
    os.ftruncate(told["lock"], 0)
    os.pwrite(told["lock"], str(os.getpid()).encode(), 0)
    with uncollected():
        threads = preload.load(told["preload"])
    if changed():
        sys.stderr.write("code or packages changed while they were imported\n")
        return 1
    place.socket.unlink(missing_ok=True)
    with protocol.make_socket() as listener:
        listener.bind(str(place.socket))
        place.socket.chmod(0o600)
        listener.listen(64)
        added = {name: value for name, value in os.environ.items() if before.get(name) != value}
        program = Server(listener, told["lock"], threads, changed, told["idle"], told["looks"], added).serve()
    if program is not None:
        return program()
    place.clear()
    return 0


def _changed(state: str, modules: Sequence[str], search: Sequence[str], variables: Mapping[str, str]) -> bool:
    try:
        return fingerprint.state_digest(modules, search, variables) != state
    except OSError:
        return True  # removed, or being replaced


@dataclass
class _Client:
    """A connection, and the process that was forked for it."""

    connection: socket.socket
    pid: int = 0


@dataclass
class Server:
    """Serves requests to fork.

    Attributes:
        listener: Its socket.
        lock: The descriptor that says it lives; no child may keep it.
        threads: How many threads it had after its imports.
        changed: Returns whether it is out of date.
        idle: Seconds without a request or a child after which it ends.
        looks: Seconds between two looks whether it is out of date.
        added: Variables that its imports have set.
    """

    listener: socket.socket
    lock: int
    threads: int
    changed: Callable[[], bool]
    idle: float
    looks: float
    added: Mapping[str, str]
    _clients: list[_Client] = field(default_factory=list)
    _running: dict[int, _Client] = field(default_factory=dict)
    _used: float = field(default_factory=time.monotonic)
    _since: float = field(default_factory=time.time)
    _ends: bool = False
    """Whether it forks no more: it is out of date or has been told so."""

    def serve(self) -> Program | None:
        """Serves until it ends; returns None then, and in a forked process what that has to run."""
        wake, waker = socket.socketpair()
        for end in (wake, waker):
            end.setblocking(False)
        signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        looked = time.monotonic()
        while not self._is_over():
            with selectors.PollSelector() as selector:
                for one in (self.listener, wake, *(c.connection for c in self._clients)):
                    selector.register(one, selectors.EVENT_READ)
                ready = {key.fileobj for key, _ in selector.select(min(self.looks, self.idle))}
            if wake in ready:
                with suppress(BlockingIOError):
                    wake.recv(4096)
            self._reap()
            if self.listener in ready:
                self._accept()
            for client in [c for c in self._clients if c.connection in ready]:
                if program := self._hear(client):
                    wake.close()
                    waker.close()
                    return program
            if time.monotonic() - looked > self.looks:
                looked = time.monotonic()
                self._ends = self._ends or self.changed()
        return None

    def _is_over(self) -> bool:
        if self._running:
            self._used = time.monotonic()
            return False
        return self._ends or time.monotonic() - self._used > self.idle

    def _accept(self) -> None:
        connection, _ = self.listener.accept()
        if protocol.peer_user(connection) != os.geteuid():
            connection.close()
        else:
            connection.settimeout(1.0)
            self._clients.append(_Client(connection))

    def _hear(self, client: _Client) -> Program | None:
        try:
            message, descriptors = protocol.receive(client.connection)
        except (OSError, ValueError):
            message, descriptors = None, []
        if message is None:
            self._leave(client)
            return None
        try:
            return self._answer(client, message, descriptors)
        finally:
            if client in self._clients:  # else this is the forked process, which needs them
                for descriptor in descriptors:
                    os.close(descriptor)

    def _answer(self, client: _Client, message: dict[str, Any], descriptors: list[int]) -> Program | None:
        if "fork" in message:
            return self._fork(client, message["fork"], descriptors)
        if "leave" in message:
            self.idle = min(self.idle, float(message["leave"]))
            self._ends = self._ends or not message["leave"]
            self._tell(client, {"processes": len(self._running)})
        elif "status" in message:
            self._tell(client, self._status())
        return None

    def _status(self) -> dict[str, Any]:
        return {
            "pid": os.getpid(),
            "since": self._since,
            "idle": time.monotonic() - self._used,
            "processes": len(self._running),
            "ends": self._ends,
        }

    def _fork(self, client: _Client, asked: dict[str, Any], descriptors: list[int]) -> Program | None:
        self._used = time.monotonic()
        if reason := self._reason_against():
            self._tell(client, {"refused": reason})
            return None
        sys.stdout.flush()
        sys.stderr.flush()
        try:
            pid = os.fork()
        except OSError as error:
            self._tell(client, {"refused": f"no process could be forked: {error}"})
            return None
        if pid:
            client.pid = pid
            self._running[pid] = client
            return None
        return self._program(client, _made(asked, self.added), descriptors)

    def _reason_against(self) -> str:
        now = preload.threads()
        if now > self.threads:
            self._ends = True
            return f"it has {now} threads and had {self.threads} after its imports: a fork could hang"
        if self._ends:
            return "it is about to end"
        return memory.lacking()

    def _program(self, client: _Client, fork: Fork, descriptors: list[int]) -> Program:
        """Returns what a forked process runs, which has let go of all that is the zygote's."""
        self.listener.close()
        os.close(self.lock)
        for other in self._clients:
            if other is not client:
                other.connection.close()
        client.connection.settimeout(None)
        self._clients.clear()
        return partial(become, fork, client.connection, descriptors)

    def _reap(self) -> None:
        """Takes note of children that have ended, and ends what they left running."""
        for pid, client in list(self._running.items()):
            if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                continue
            _kill_group(pid)  # before it is reaped, so that the number is still its own
            _, status, used = os.wait4(pid, 0)
            del self._running[pid]
            client.pid = 0
            self._used = time.monotonic()
            self._tell(
                client, {"exit": os.waitstatus_to_exitcode(status), "cpu": used.ru_utime + used.ru_stime}
            )

    def _leave(self, client: _Client) -> None:
        """Ends the process of a client that is gone; it is reaped as any other."""
        if client.pid:
            _kill_group(client.pid)
            with suppress(ProcessLookupError):
                os.kill(client.pid, signal.SIGKILL)  # it may not have made its group yet
        self._clients.remove(client)
        client.connection.close()

    def _tell(self, client: _Client, message: dict[str, Any]) -> None:
        with suppress(OSError):  # it is gone, which its connection will show
            protocol.send(client.connection, message)


def _made(asked: dict[str, Any], added: Mapping[str, str]) -> Fork:
    """Returns what was asked for, with the variables that the imports would have set."""
    return Fork(**{**asked, "environment": {**added, **asked["environment"]}})


def _kill_group(pid: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)

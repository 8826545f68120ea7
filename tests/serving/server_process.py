"""A model server in its own process, on free loopback ports, that never outlives its test.

``PENSTOCK_TEST_MODEL_SERVER`` names another executable to test, such as the real ``tensorflow_model_server``.
``PENSTOCK_TEST_SERVER_FLAGS`` are passed to every server, such as ``--worker_processes=2``.
Where the tests have a zygote, a server is forked from it, as those of a run are: it need not import TensorFlow.
``PENSTOCK_TEST_ROUTER=1`` puts ``penstock route`` in front of every server, with an experiment on each of its models whose
arms are the model itself: the addresses are the router's then.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from foundation.processes import children
from pipeline.runners.zygote import mode, preload
from pipeline.runners.zygote.client import obtain
from pipeline.runners.zygote.starter import ForkedStarter
from tests.side_by_side import free_port

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from tests.serving.router_process import RouterProcess

T = TypeVar("T")
OTHER_BINARY = os.environ.get("PENSTOCK_TEST_MODEL_SERVER", "")
COMMAND = [OTHER_BINARY] if OTHER_BINARY else [sys.executable, "-m", "serving.server"]
MORE_FLAGS = os.environ.get("PENSTOCK_TEST_SERVER_FLAGS", "").split()
START_SECONDS = 90.0
ROUTED = os.environ.get("PENSTOCK_TEST_ROUTER", "") == "1"


def answers(port: int) -> bool:
    """Whether something accepts connections on a loopback port."""
    with socket.socket() as sock:
        sock.settimeout(1.0)
        return sock.connect_ex(("127.0.0.1", port)) == 0


def until(met: Callable[[], T], seconds: float = 20.0, step: float = 0.05) -> T:
    """Polls until the answer is true and returns it; fails with the last answer."""
    deadline = time.monotonic() + seconds
    while not (answer := met()):
        assert time.monotonic() < deadline, f"not so within {seconds} s, last answer: {answer!r}"
        time.sleep(step)
    return answer


class ServerProcess:
    """One server process; a context manager that waits for readiness and stops it at the end.

    Args:
        folder: The folder for its log.
        *flags: Its command line without the ports.
        ready: Whether entering waits until the gRPC port answers.
        rest: Whether it gets an HTTP port.
        environment: Variables in addition to this process's.
        fresh: Whether it is the executable itself, a new Python: for what is about processes, signals and memory.
    """

    def __init__(
        self,
        folder: Path,
        *flags: str,
        ready: bool = True,
        rest: bool = True,
        environment: dict[str, str] | None = None,
        fresh: bool = False,
    ) -> None:
        self.port = free_port()
        self.rest_port = free_port() if rest else 0
        # What the server itself listens on; behind a router, clients have other ports.
        self._port, self._rest_port = (
            (free_port(), free_port() if rest else 0) if ROUTED else (self.port, self.rest_port)
        )
        self.flags = [
            f"--port={self._port}",
            *([f"--rest_api_port={self._rest_port}"] if rest else []),
            *flags,
        ]
        self.flags += MORE_FLAGS
        self._router: RouterProcess | None = None
        self._folder = folder
        self._ready = ready
        self._fresh = fresh or bool(OTHER_BINARY) or bool(mode.reason_against())
        self._environment = {"TF_CPP_MIN_LOG_LEVEL": "1", **(environment or {})}
        folder.mkdir(parents=True, exist_ok=True)
        self._log = folder / f"server-{self.port}.log"
        self._process: children.Child | None = None

    def __enter__(self) -> ServerProcess:
        self._process = self._executed() if self._fresh else self._forked()
        try:
            if self._ready:
                self.wait_ready()
        except BaseException:
            self.kill()
            raise
        return self

    def _executed(self) -> children.Child:
        with self._log.open("wb") as log:
            return subprocess.Popen(
                [*COMMAND, *self.flags],
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **self._environment},
            )

    def _forked(self) -> children.Child:
        start = ForkedStarter(obtain(preload.EVERYTHING).place.socket)
        return start("serving.server.main:main", self.flags, output=self._log, environment=self._environment)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.stop()
        finally:
            self.kill()

    @property
    def process(self) -> children.Child:
        assert self._process is not None, "the server was not started"
        return self._process

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.rest_port}"

    def wait_ready(self, seconds: float = START_SECONDS) -> None:
        """Waits until the ports answer; fails with the log if the process exits first."""
        last = self._rest_port or self._port
        deadline = time.monotonic() + seconds
        while not (answers(self._port) and answers(last)):
            assert self.process.poll() is None, (
                f"the server ended with {self.process.returncode}:\n{self.log}"
            )
            assert time.monotonic() < deadline, f"the server was not ready within {seconds} s:\n{self.log}"
            time.sleep(0.05)
        if ROUTED and self._router is None:
            from tests.serving.router_process import RouterProcess

            backend = (self._port, self._rest_port)
            self._router = RouterProcess(self._folder, backend, (self.port, self.rest_port), self.flags)

    def exit_code(self, seconds: float = START_SECONDS) -> int:
        """Waits for the process to exit and returns its exit code."""
        return self.process.wait(seconds)

    def stop(self, seconds: float = 30.0) -> int:
        """Stops the server with SIGTERM, as an operator does, and returns its exit code."""
        self._stop_router()
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(seconds)

    def kill(self) -> None:
        """Kills it if it is still running."""
        self._stop_router()
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)

    def _stop_router(self) -> None:
        if self._router is not None:
            self._router.stop()
            self._router = None

    def resident_megabytes(self) -> float:
        """Resident memory of the process and its children (Linux)."""
        import psutil

        process = psutil.Process(self.process.pid)
        everyone = [process, *process.children(recursive=True)]
        return sum(one.memory_info().rss for one in everyone) / 2**20


def run_to_end(*flags: str, seconds: float = START_SECONDS) -> subprocess.CompletedProcess[str]:
    """Runs the server with a command line that makes it exit."""
    return subprocess.run([*COMMAND, *flags], capture_output=True, text=True, timeout=seconds, check=False)

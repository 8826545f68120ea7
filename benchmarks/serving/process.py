"""One model server as a process on free loopback ports, for the soak and the fuzzer."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from foundation.errors import NodeError

READY_SECONDS = 120


class ServerProcess:
    """The server; a context manager that stops it.

    Args:
        log: The file for its output.
        arguments: Its command line without the ports.
    """

    def __init__(self, log: Path, *arguments: str) -> None:
        self.log, self._arguments = log, arguments
        self.grpc_port, self.rest_port = _free_port(), _free_port()

    def __enter__(self) -> ServerProcess:
        command = [sys.executable, "-m", "serving.server", f"--port={self.grpc_port}"]
        command += [f"--rest_api_port={self.rest_port}", *self._arguments]
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(command, stdout=out, stderr=out, env={**os.environ})
        begin = time.monotonic()
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() - begin > READY_SECONDS:
                self.__exit__()
                raise NodeError("the server", expected="to answer", seen=f"see {self.log}")
            time.sleep(0.1)
        return self

    def __exit__(self, *_: object) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self.process.poll() is None:
                self.process.send_signal(number)
                try:
                    self.process.wait(30)
                except subprocess.TimeoutExpired:
                    continue

    def answers(self) -> bool:
        """Returns whether it answers over HTTP."""
        connection = http.client.HTTPConnection("127.0.0.1", self.rest_port, timeout=30)
        try:
            connection.request("GET", "/v1/models/none")
            return connection.getresponse().status == 404
        except OSError:
            return False
        finally:
            connection.close()

    def memory(self) -> float:
        """Returns its resident set in MiB."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

"""A model server for one validation: started on free loopback ports and always stopped.

It starts with a tiny model of ours: if that fails, the server is to blame and not the candidate, and the memory that
the first model of any process costs is charged to neither model. The models to validate are added afterwards by
ReloadConfig, so each gets its own reason if it does not load.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

from components.infra_validator.primer import write_primer
from foundation.errors import NodeError, SpecError
from foundation.processes import children
from foundation.processes.children import Child
from foundation.processes.tether import tethered
from serving.client import CallError, Client, ClientError, Code, ModelConfig

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
GRPC = "gRPC"
PROTOCOLS = (GRPC, "REST")
_PAUSES = 0.01, 0.1
"""Seconds between two looks whether the server answers, at first and at most: one that was forked soon does."""
ATTEMPTS = 3
"""Number of starts before giving up because ports keep being taken."""

_OWN = [sys.executable, "-I", "-m", "serving.server"]
"""Penstock's own server, as a command line."""
_OWN_MAIN = "serving.server.main:main"
_FAILED = "Failed to start server. Error: "
_TAKEN = ("address already in use", "failed to bind", "failed to add", "could not bind", "port is taken")


class ModelRefusedError(Exception):
    """A model that the server did not load; the text is the server's own reason."""


def server_command(server: str, folder: Path) -> list[str]:
    """Returns the start of the server's command line.

    Args:
        server: ``auto``, a path (relative to the document's folder), or a name on the PATH.
        folder: Folder of the document.

    Raises:
        SpecError: The executable does not exist.
    """
    if server == "auto":
        return [*_OWN, f"--host={HOST}"]
    found = shutil.which(server if os.sep not in server else str(folder / server))
    if found is None:
        raise SpecError(
            f"infra_validation.server {server}",
            expected="an executable tensorflow_model_server",
            seen="no such file",
            remedy="give its path, or write server: auto for Penstock's own",
        )
    return [found]


def error_text(error: CallError) -> str:
    """Returns a refused call's status and message, with the protocol's own code."""
    status = error.code.name if error.http_status is None else f"HTTP {error.http_status}"
    return f"{status}: {error.message}"


class ModelServer:
    """A running server.

    Args:
        process: Its process.
        ports: The gRPC and the REST port.
        models: Name → folder of the versions, the tiny model included.
        seconds: Time limit for a model to load.
    """

    def __init__(
        self,
        process: Child,
        ports: tuple[int, int],
        models: dict[str, Path],
        seconds: float,
    ) -> None:
        self._process, self._models, self._seconds = process, models, seconds
        self.primer = next(iter(models))
        addresses = dict(
            zip(PROTOCOLS, (f"grpc://{HOST}:{ports[0]}", f"http://{HOST}:{ports[1]}"), strict=True)
        )
        self.clients = {name: Client(address, retries=0) for name, address in addresses.items()}

    def add(self, name: str, folder: Path) -> float:
        """Loads another model and returns the seconds that took.

        Raises:
            ModelRefusedError: The model does not load.
        """
        models = {**self._models, name: folder}
        config = [ModelConfig(known, str(place)) for known, place in models.items()]
        started = time.monotonic()
        try:
            self.clients[GRPC].reload_config(config, timeout=self._seconds)
        except CallError as error:
            raise ModelRefusedError(self._reason(name, error)) from error
        self._models = models
        return time.monotonic() - started

    def _reason(self, name: str, error: CallError) -> str:
        """Returns why a model did not load: its version's status, or the answer to the reload."""
        if self._process.poll() is not None:
            return f"the server exited with code {self._process.returncode} while loading the model"
        if error.code is Code.DEADLINE_EXCEEDED:
            return f"it did not load within {self._seconds:g} s"
        with contextlib.suppress(ClientError):
            for version in self.clients[GRPC].status(name, timeout=10).versions:
                if version.message:
                    return version.message
        return error_text(error)

    def memory_mb(self) -> float | None:
        """Returns the server's own memory in MiB, without mapped files (its program); None if the system cannot tell."""
        try:
            status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii")
        except OSError:
            return None
        line = next((line for line in status.splitlines() if line.startswith("RssAnon:")), None)
        return int(line.split()[1]) / 1024 if line else None

    def close(self) -> None:
        """Closes the connections."""
        for client in self.clients.values():
            client.close()


@contextlib.contextmanager
def running_server(command: list[str], work: Path, log_file: Path, seconds: float) -> Iterator[ModelServer]:
    """Starts a server, and stops it at the end of the block.

    Args:
        command: The start of its command line.
        work: Folder for the tiny model and the configuration.
        log_file: File for the server's output.
        seconds: Time limit for it to start, and for each model to load.

    Yields:
        The server, with only the tiny model.

    Raises:
        NodeError: It does not start, whatever the model.
    """
    name = f"primer-{uuid.uuid4().hex[:8]}"  # no other server knows it
    models = {name: work / "primer"}
    write_primer(models[name] / "1")
    config = work / "models.config"
    config.write_text(_config(models), encoding="utf-8")
    process, ports = _started(command, config, log_file, name, seconds)
    server = ModelServer(process, ports, models, seconds)
    try:
        yield server
    finally:
        server.close()
        _end(process)


def _config(models: Mapping[str, Path]) -> str:
    entries = "".join(
        f'  config {{ name: "{name}" base_path: "{place}" model_platform: "tensorflow" }}\n'
        for name, place in models.items()
    )
    return f"model_config_list {{\n{entries}}}\n"


def _started(
    command: list[str], config: Path, log_file: Path, name: str, seconds: float
) -> tuple[Child, tuple[int, int]]:
    for attempt in range(ATTEMPTS):
        ports = _free_ports()
        process = _start(command, config, log_file, ports)
        problem = _wait(process, ports[1], name, seconds)
        if problem is None:
            return process, ports
        _end(process)
        said_last = _last_lines(log_file)
        said = _reason(said_last)
        if attempt + 1 < ATTEMPTS and any(word in said_last.lower() for word in _TAKEN):
            continue
        log.error("The model server did not start; its output:\n%s", said_last)
        raise NodeError(
            f"model server {' '.join(command[:1])}",
            expected=f"an answer within {seconds:g} s",
            seen=f"{problem}{': ' + said if said else ''}",
            remedy="read the run's log; infra_validation: false pushes without it",
        )
    raise AssertionError


def _free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as other:
        one.bind((HOST, 0))
        other.bind((HOST, 0))
        return one.getsockname()[1], other.getsockname()[1]


def _start(command: list[str], config: Path, log_file: Path, ports: tuple[int, int]) -> Child:
    flags = [
        f"--port={ports[0]}",
        f"--rest_api_port={ports[1]}",
        f"--model_config_file={config}",
        "--max_num_load_retries=0",
    ]
    level = {"TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "1")}
    if command[: len(_OWN)] == _OWN:
        return children.start(_OWN_MAIN, [*command[len(_OWN) :], *flags], output=log_file, environment=level)
    with log_file.open("wb") as output:
        return subprocess.Popen(
            tethered([*command, *flags], signal.SIGKILL),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, **level},
        )


def _wait(process: Child, port: int, name: str, seconds: float) -> str | None:
    """Waits until the tiny model is served; returns what went wrong, or None."""
    deadline, (pause, longest) = time.monotonic() + seconds, _PAUSES
    with Client(f"http://{HOST}:{port}", timeout=5, retries=0) as client:
        while time.monotonic() < deadline:
            if process.poll() is not None:
                return f"exit code {process.returncode}"
            with contextlib.suppress(ClientError):  # not yet
                if client.status(name).available:
                    return None
            time.sleep(pause)
            pause = min(pause * 1.5, longest)
    return "no answer"


def _end(process: Child) -> None:
    """Kills the process; it is no longer needed, so it does not have to drain."""
    if process.poll() is None:
        process.kill()
    process.wait()


def _reason(said: str) -> str:
    """Returns the log line that says why a server ended, in TF Serving's wording, or else the last line."""
    lines = said.splitlines() or [""]
    told = [line.partition(_FAILED)[2] for line in lines if _FAILED in line]
    return (told or lines)[-1].strip()[:300]


def _last_lines(log_file: Path) -> str:
    return "\n".join(log_file.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-40:])

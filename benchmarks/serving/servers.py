"""The servers to compare: how to start each, when it is ready, what it accepts, and its memory."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bodies import Call, serving_grpc, serving_rest, v2_grpc, v2_rest
from load import ask_once
from models import Model

from foundation.errors import NodeError

APPS = Path(__file__).resolve().parent / "competitors"
READY_SECONDS = 120
FORMER = "Penstock, grpc.aio"
BATCHING = """max_batch_size { value: 64 }
batch_timeout_micros { value: 0 }
max_enqueued_batches { value: 256 }
num_batch_threads { value: 2 }
"""
Bodies = Callable[[Model, int], Call]


@dataclass
class Server:
    """A server to run.

    Attributes:
        name: Its name in the table.
        command: Its command line.
        rest: Builds its REST requests, if it speaks REST.
        grpc: Builds its gRPC requests, if it speaks gRPC.
        rest_port: Its REST port.
        grpc_port: Its gRPC port.
        environment: Additional environment variables.
        folder: Its working directory.
    """

    name: str
    command: list[str]
    rest: Bodies | None = None
    grpc: Bodies | None = None
    rest_port: int = 0
    grpc_port: int = 0
    environment: dict[str, str] = field(default_factory=dict)
    folder: Path | None = None
    process: subprocess.Popen[bytes] | None = None

    def start(self, model: Model, logs: Path) -> float:
        """Starts it and returns the seconds until it answered the first request on every protocol.

        Raises:
            NodeError: It exited, or did not answer in time.
        """
        begin = time.perf_counter()
        log = logs / f"{self.name.replace(' ', '-').replace(',', '')}-{model.name}.log"
        variables = {
            **os.environ,
            "TF_CPP_MIN_LOG_LEVEL": "2",
            "MODEL_FOLDER": str(model.folder),
            **self.environment,
        }
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                self.command, stdout=out, stderr=out, env=variables, cwd=self.folder, start_new_session=True
            )
        while True:
            if _listening([port for port in (self.rest_port, self.grpc_port) if port]):
                try:
                    for call, port in self.calls(model, 1):
                        ask_once(call, port)
                    return time.perf_counter() - begin
                except (NodeError, OSError) as error:
                    seen = str(error)
            else:
                seen = "no open port"
            if self.process.poll() is not None or time.perf_counter() - begin > READY_SECONDS:
                self.stop()
                raise NodeError(self.name, expected="an answer", seen=seen, remedy=f"read {log}")
            time.sleep(0.05)

    def calls(self, model: Model, rows: int) -> list[tuple[Call, int]]:
        """Returns its requests with this many rows, each with its port."""
        made = [(self.rest(model, rows), self.rest_port)] if self.rest else []
        return made + ([(self.grpc(model, rows), self.grpc_port)] if self.grpc else [])

    def memory(self) -> float:
        """Returns the resident memory of its processes in MiB."""
        assert self.process
        return sum(_resident(pid) for pid in _tree(self.process.pid)) / 1024

    def stop(self) -> None:
        """Stops it and every process that it started."""
        if self.process is None:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, number)
                self.process.wait(5)
            except ProcessLookupError:
                break
            except subprocess.TimeoutExpired:
                continue
        self.process = None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _listening(ports: list[int]) -> bool:
    for port in ports:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return False
    return True


def _tree(root: int) -> list[int]:
    found = [root]
    for pid in found:
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            found += [int(child) for child in children.read_text().split()]
    return found


def _resident(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


def ours(model: Model, work: Path, *, batching: bool = False, former: bool = False) -> Server:
    """Penstock's server on a base path with one version; as the former, only its gRPC, by grpc.aio."""
    base = work / "base" / model.name
    if not (base / "1").exists():
        base.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-r", str(model.folder), str(base / "1")], check=True)
    rest, grpc = free_port(), free_port()
    executable = Path(sys.executable).parent / "penstock-model-server"
    command = [str(executable), f"--port={grpc}", f"--rest_api_port={rest}", f"--model_name={model.name}"]
    command.append(f"--model_base_path={base}")
    if batching:
        parameters = work / "batching.pbtxt"
        parameters.write_text(BATCHING)
        command += ["--enable_batching=true", f"--batching_parameters_file={parameters}"]
    if former:
        return Server(FORMER, [*command, "--grpc_front=aio"], None, serving_grpc, rest, grpc)
    name = "Penstock, batching" if batching else "Penstock"
    return Server(name, command, serving_rest, serving_grpc, rest, grpc)


def _predict(model: Model, rows: int) -> Call:
    return serving_rest(model, rows, "/predict")


def fastapi(venvs: Path) -> Server:
    """FastAPI on uvicorn, one process."""
    port = free_port()
    command = [str(venvs / "fastapi/bin/uvicorn"), "fastapi_app:app", f"--port={port}", "--no-access-log"]
    return Server("FastAPI", command, _predict, rest_port=port, folder=APPS)


def naive_grpc(venvs: Path) -> Server:
    """A grpcio thread pool, one process."""
    port = free_port()
    command = [str(venvs / "fastapi/bin/python"), "grpc_app.py", str(port)]
    return Server("plain grpcio", command, grpc=serving_grpc, grpc_port=port, folder=APPS)


def bentoml(venvs: Path, work: Path) -> Server:
    """BentoML, one worker."""
    port = free_port()
    command = [str(venvs / "bentoml/bin/bentoml"), "serve", "bentoml_service:Predictor", f"--port={port}"]
    environment = {"BENTOML_HOME": str(work / "bentoml"), "BENTOML_DO_NOT_TRACK": "True"}
    return Server("BentoML", command, _predict, rest_port=port, folder=APPS, environment=environment)


def mlserver(venvs: Path, work: Path, model: Model) -> Server:
    """MLServer with the model in its only process."""
    rest, grpc = free_port(), free_port()
    folder = work / "mlserver" / model.name
    folder.mkdir(parents=True, exist_ok=True)
    settings = {"http_port": rest, "grpc_port": grpc, "metrics_port": free_port(), "host": "127.0.0.1"}
    settings |= {"parallel_workers": 0, "debug": False, "use_structured_logging": False}
    (folder / "settings.json").write_text(json.dumps(settings))
    runtime = {"name": model.name, "implementation": "mlserver_runtime.SavedModelRuntime"}
    (folder / "model-settings.json").write_text(json.dumps(runtime))
    command = [str(venvs / "mlserver/bin/mlserver"), "start", str(folder)]
    environment = {"PYTHONPATH": str(APPS)}
    return Server("MLServer", command, v2_rest, v2_grpc, rest, grpc, environment, folder)


def echo_rest(sizes: dict[int, int]) -> Server:
    """The HTTP stack alone."""
    port = free_port()
    command = [sys.executable, "echo_http.py", str(port), *(f"{a}:{b}" for a, b in sizes.items())]
    return Server("empty echo", command, serving_rest, rest_port=port, folder=APPS)


def echo_grpc(sizes: dict[int, int], *, former: bool = False) -> Server:
    """The gRPC stack alone: ours, or grpc.aio as the former."""
    port = free_port()
    program = "echo_grpc.py" if former else "echo_http2.py"
    command = [sys.executable, program, str(port), *(f"{a}:{b}" for a, b in sizes.items())]
    name = "empty echo, grpc.aio" if former else "empty echo"
    environment = {"PYTHONPATH": str(APPS.parents[2])}
    return Server(name, command, grpc=serving_grpc, grpc_port=port, folder=APPS, environment=environment)

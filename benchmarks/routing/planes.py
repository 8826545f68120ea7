"""The data planes to compare and what stands behind them: how to start each, on free ports, as ordinary processes."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import grpc
from bodies import Call

from foundation.errors import DataError, NodeError
from serving import headers

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PENSTOCK = Path(sys.executable).parent / "penstock"
READY_SECONDS = 120
FORMER_FRONT = "--grpc_front=aio"
PASSING = "Penstock's router, no experiment"
DIRECT, ROUTER, HAPROXY, NGINX, AIO = "direct", "Penstock's router", "HAProxy", "nginx", "grpc.aio proxy"


@dataclass
class Plane:
    """A process with a gRPC port, a REST port, or both.

    Attributes:
        name: Its name in the table.
        command: Its command line.
        folder: Its working folder.
        grpc: Its gRPC port; 0 if it does not speak it.
        rest: Its REST port; 0 if it does not speak it.
        experiments: The document whose experiment it runs; None if it has none.
        process: The process, while it runs.
    """

    name: str
    command: list[str]
    folder: Path
    grpc: int = 0
    rest: int = 0
    experiments: Path | None = None
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def start(self) -> None:
        """Starts it and waits until its ports are open.

        Raises:
            NodeError: It exited, or opened no port in time.
        """
        log = self.folder / "output.log"
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2", "PYTHONPATH": str(ROOT)}
        if self.experiments is not None:
            begin_it = [str(PENSTOCK), "experiment", "start", "bench", "-f", str(self.experiments)]
            subprocess.run(begin_it, cwd=self.folder, env=environment, capture_output=True, check=True)
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                self.command, stdout=out, stderr=out, cwd=self.folder, env=environment, start_new_session=True
            )
        begin = time.monotonic()
        while not all(_open(port) for port in (self.grpc, self.rest) if port):
            if self.process.poll() is not None or time.monotonic() - begin > READY_SECONDS:
                self.stop()
                seen = (log.read_text(errors="replace").strip().splitlines() or ["nothing printed"])[-1]
                raise NodeError(self.name, expected="open ports", seen=seen, remedy=f"read {log}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Stops it and what it started."""
        if self.process is None:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, number)
                self.process.wait(10)
                break
            except ProcessLookupError:
                break
            except subprocess.TimeoutExpired:
                continue
        self.process = None


def free_port() -> int:
    """Returns a TCP port of the loopback that nobody holds."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _open(port: int) -> bool:
    with socket.socket() as probe:
        return not probe.connect_ex(("127.0.0.1", port))


def _program(name: str) -> str:
    """Finds a program of the system; Debian keeps some off an ordinary user's path."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    if found is None:
        remedy = f"Debian, Ubuntu: apt-get install --no-install-recommends {name}"
        raise DataError(name, expected="the program on the path", seen="none", remedy=remedy)
    return found


def _folder(work: Path, name: str) -> Path:
    folder = work / name.replace(" ", "-").replace("'", "").lower()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _base(work: Path, model: Path) -> Path:
    """Writes the same model as versions 1 and 2, and the configuration that serves both."""
    base = work / "models"
    for version in ("1", "2"):
        if not (base / "dense" / version).exists():
            shutil.copytree(model, base / "dense" / version)
    text = f'config {{ name: "dense" base_path: "{base}/dense" model_platform: "tensorflow"'
    config = base / "models.config"
    config.write_text(f"model_config_list {{ {text} model_version_policy {{ all {{}} }} }} }}\n")
    return config


def server(work: Path, model: Path, name: str, *flags: str, experiments: bool = False) -> Plane:
    """Penstock's server with two versions of the model; with experiments, the arms are chosen in its process."""
    folder = _folder(work, name)
    grpc, rest = free_port(), free_port()
    command = [sys.executable, "-m", "serving.server", f"--port={grpc}", f"--rest_api_port={rest}"]
    command += ["--host=127.0.0.1", f"--model_config_file={_base(work, model)}", *flags]
    document = _document(folder, None) if experiments else None
    if document:
        command.append(f"--experiments={document}")
    return Plane(name, command, folder, grpc, rest, document)


def echo(work: Path, by_grpc: bytes, by_rest: bytes) -> Plane:
    """A backend that costs almost nothing: it answers every request with the same bytes."""
    folder = _folder(work, "echo")
    grpc, rest = free_port(), free_port()
    (folder / "grpc").write_bytes(by_grpc)
    (folder / "rest").write_bytes(by_rest)
    command = [sys.executable, str(HERE / "competitors" / "echo.py"), str(grpc), str(rest)]
    return Plane("echo", command, folder, grpc, rest)


def _document(folder: Path, backend: Plane | None, *, experiments: bool = True) -> Path:
    """Writes an experiment of two versions, 90 to 10, by request, with the prediction log on."""
    document: dict[str, object] = {
        "state": str(folder / "experiments.db"),
        "log": {"directory": str(folder / "predictions")},
        "experiments": {
            "bench": {
                "model": "dense",
                "unit": "request",
                "control": "old",
                "arms": {"old": {"version": 1, "weight": "90%"}, "new": {"version": 2, "weight": "10%"}},
                "reward": {"metric": "clicked", "type": "binary", "window": "1h"},
                "planned": {"units": 20000},
            }
        },
    }
    if not experiments:
        document = {"state": document["state"]}
    if backend is not None:
        addresses = {"grpc": f"127.0.0.1:{backend.grpc}", "rest": f"127.0.0.1:{backend.rest}"}
        document["backends"] = {"main": addresses}
    path = folder / "experiments.yaml"
    path.write_text(json.dumps(document))  # JSON is YAML
    return path


def planes(work: Path, backend: Plane) -> list[Plane]:
    """Returns every data plane in front of a backend."""
    made = []
    for name in (ROUTER, PASSING):
        folder, grpc, rest = _folder(work, name), free_port(), free_port()
        document = _document(folder, backend, experiments=name == ROUTER)
        command = [str(PENSTOCK), "route", str(document), f"--port={grpc}", f"--rest-port={rest}"]
        made.append(Plane(name, command, folder, grpc, rest, document if name == ROUTER else None))
    for name, program, flag, file in (
        (HAPROXY, "haproxy", "-f", "haproxy.cfg"),
        (NGINX, "nginx", "-c", "nginx.conf"),
    ):
        folder, grpc, rest = _folder(work, name), free_port(), free_port()
        text = (HERE / "competitors" / file).read_text()
        names = {"folder": folder, "grpc": grpc, "rest": rest}
        config = folder / file
        config.write_text(text.format(**names, backend_grpc=backend.grpc, backend_rest=backend.rest))
        command = [_program(program), flag, str(config)]
        command += ["-e", str(folder / "start.log")] if program == "nginx" else ["-db"]
        made.append(Plane(name, command, folder, grpc, rest))
    folder, grpc = _folder(work, AIO), free_port()
    command = [
        sys.executable,
        str(HERE / "competitors" / "aio_proxy.py"),
        str(grpc),
        f"127.0.0.1:{backend.grpc}",
    ]
    made.append(Plane(AIO, command, folder, grpc))
    return made


def routers(work: Path, backend: Plane, count: int) -> list[Plane]:
    """Returns several routers with an experiment that share one document, one state and one prediction log."""
    shared = _folder(work, "shared")
    document = _document(shared, backend)
    made = []
    for number in range(count):
        folder, grpc, rest = _folder(work, f"router {number}"), free_port(), free_port()
        command = [str(PENSTOCK), "route", str(document), f"--port={grpc}", f"--rest-port={rest}"]
        made.append(Plane(f"router {number}", command, folder, grpc, rest, document if not number else None))
    return made


def check_arms(plane: Plane, by_grpc: Call, by_rest: Call) -> None:
    """Asks a data plane with an experiment once by each protocol: it would be quicker, had its experiment not begun.

    Raises:
        NodeError: An answer does not say which arm gave it.
    """
    connection = http.client.HTTPConnection("127.0.0.1", plane.rest, timeout=60)
    connection.request("POST", by_rest.path, by_rest.body, by_rest.headers)
    arms = [connection.getresponse().headers.get(headers.ARM)]
    connection.close()
    with grpc.insecure_channel(f"127.0.0.1:{plane.grpc}") as channel:
        _, call = channel.unary_unary(by_grpc.path).with_call(by_grpc.body[5:], timeout=60)
        arms.append(dict(call.trailing_metadata()).get(headers.ARM))
    if not all(arm in ("bench/old", "bench/new") for arm in arms):
        raise NodeError(plane.name, expected="answers with their arm", seen=f"{arms}")


def versions() -> str:
    """Returns the versions of HAProxy and nginx."""
    haproxy = subprocess.run([_program("haproxy"), "-v"], capture_output=True, text=True, check=True).stdout
    nginx = subprocess.run([_program("nginx"), "-v"], capture_output=True, text=True, check=True).stderr
    return f"HAProxy {haproxy.split()[2].partition('-')[0]}, nginx {nginx.strip().rpartition('/')[2]}"

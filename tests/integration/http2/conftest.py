"""The test service on our HTTP/2 front, in a process of its own."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.serving.certificates import certificates
from tests.side_by_side import free_port

HERE = Path(__file__).resolve().parent


@dataclass
class Served:
    """The running service.

    Attributes:
        plain: Its address without TLS.
        secure: Its address with TLS.
        table: Its address where clients may use a dynamic table.
        roots: The certificate that signed the server's, whose name is ``models.example``.
        process: The server.
    """

    plain: str
    secure: str
    table: str
    roots: Path
    process: subprocess.Popen[str]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The service on three free ports."""
    folder = tmp_path_factory.mktemp("http2") / "certificates"
    certificates(folder)
    ports = [free_port() for _ in range(3)]
    command = [sys.executable, str(HERE / "serve.py"), *map(str, ports), str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=HERE.parents[2])
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", "the service did not start"
        plain, secure, table = (f"127.0.0.1:{port}" for port in ports)
        yield Served(plain, secure, table, folder / "ca.crt", process)
        assert process.poll() is None, "the service died under its clients"
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()  # type: ignore[union-attr]


@pytest.fixture(scope="module")
def routed(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The same service behind the router, which speaks TLS on its second port."""
    folder = tmp_path_factory.mktemp("routed")
    document = {"backends": {"main": {"grpc": served.plain}}, "state": str(folder / "state.db")}
    (folder / "experiments.yaml").write_text(json.dumps(document))
    certificate = [
        f"--tls-certificate={served.roots.parent}/tls.crt",
        f"--tls-key={served.roots.parent}/tls.key",
    ]
    ports = [free_port() for _ in range(4)]
    routers = [
        _router(folder / "experiments.yaml", ports[0], ports[1]),
        _router(folder / "experiments.yaml", ports[2], ports[3], *certificate),
    ]
    try:
        for port in ports:
            _wait_for(port, routers, folder)
        yield Served(
            f"127.0.0.1:{ports[0]}", f"127.0.0.1:{ports[2]}", served.table, served.roots, served.process
        )
        assert all(router.poll() is None for router in routers), _said(folder)
    finally:
        for router in routers:
            router.terminate()
        for router in routers:
            router.wait(60)


def _router(document: Path, port: int, rest_port: int, *more: str) -> subprocess.Popen[str]:
    command = [str(Path(sys.executable).parent / "penstock"), "route", str(document)]
    command += [f"--port={port}", f"--rest-port={rest_port}", "--drain-seconds=5", *more]
    with (document.parent / f"router-{port}.log").open("w") as log:
        return subprocess.Popen(command, stderr=log, text=True, cwd=HERE.parents[2])


def _said(folder: Path) -> str:
    """Returns what all routers wrote: one of them ended."""
    return "\n".join(f"{log.name}:\n{log.read_text()}" for log in sorted(folder.glob("router-*.log")))


def _wait_for(port: int, routers: list[subprocess.Popen[str]], folder: Path) -> None:
    while True:
        with socket.socket() as probe:
            if not probe.connect_ex(("127.0.0.1", port)):
                return
        assert all(router.poll() is None for router in routers), _said(folder)
        time.sleep(0.05)

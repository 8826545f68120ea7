"""The test service on our HTTP/2 front, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
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

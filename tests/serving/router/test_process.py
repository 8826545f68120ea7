"""``penstock route`` as a process: it starts, splits, answers its own endpoints, and drains."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from serving.wire import client_pb2
from tests.serving.http.running import until
from tests.serving.router.grpc.backend import Client, GrpcBackend, predict
from tests.serving.router.running import HTTP, RestBackend

DOCUMENT = """
backends: {{main: {{grpc: "{grpc}", rest: "{rest}"}}}}
state: {{sqlite: state.db}}
experiments:
  e:
    model: m
    control: old
    arms: {{old: {{version: 1, weight: 50%}}, new: {{version: 2, weight: 50%}}}}
"""


class Started:
    """A router process and its ports, as its log says them."""

    def __init__(self, folder: Path, *more: str) -> None:
        command = [sys.executable, "-m", "pipeline.cli.main", "route", str(folder / "experiments.yaml")]
        self._log = folder / "log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [*command, "--port=0", "--rest-port=0", *more], stdout=log, stderr=subprocess.STDOUT
            )
        until(lambda: "REST API at" in self.log or self.process.poll() is not None)
        ports = re.findall(r"(?:router|REST API) at:? \S+:(\d+)", self.log)
        assert len(ports) == 2, self.log
        self.grpc, self.rest = (f"127.0.0.1:{port}" for port in ports)

    @property
    def log(self) -> str:
        return self._log.read_text()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


@pytest.fixture
def backends() -> Iterator[tuple[GrpcBackend, RestBackend]]:
    with GrpcBackend() as grpc, RestBackend() as rest:
        yield grpc, rest


def test_a_document_becomes_a_router_and_a_restart_moves_nobody(
    backends: tuple[GrpcBackend, RestBackend], tmp_path: Path
) -> None:
    grpc, rest = backends
    document = DOCUMENT.format(grpc=grpc.address, rest=rest.address)
    (tmp_path / "experiments.yaml").write_text(document)
    router = Started(tmp_path)
    arms: list[dict[str, str]] = []
    try:
        before = HTTP.post(f"http://{router.rest}/v1/models/m:predict", content=b"{}")
        HTTP.post(f"http://{router.rest}/v1/experiments/e:start", json={})
        until(lambda: _arm(router, "somebody"))
        arms.append({unit: _arm(router, unit) for unit in map(str, range(40))})
        with Client(router.grpc) as client:
            for unit, arm in list(arms[0].items())[:10]:
                answer, trailing = client.call(predict(), penstock_unit=unit)
                assert trailing["penstock-arm"] == arm
                version = client_pb2.PredictResponse.FromString(answer).model_spec.version.value
                assert version == (1 if arm == "e/old" else 2)
    finally:
        assert router.stop() == 0
    again = Started(tmp_path)
    try:
        until(lambda: _arm(again, "somebody"))
        arms.append({unit: _arm(again, unit) for unit in arms[0]})
    finally:
        assert again.stop() == 0
    assert "penstock-arm" not in before.headers
    assert set(arms[0].values()) == {"e/old", "e/new"}
    assert arms[0] == arms[1]


def test_backends_of_a_changed_document_are_used_without_a_restart(
    backends: tuple[GrpcBackend, RestBackend], tmp_path: Path
) -> None:
    grpc, rest = backends
    document = tmp_path / "experiments.yaml"
    document.write_text(DOCUMENT.format(grpc="127.0.0.1:1", rest="127.0.0.1:1"))
    router = Started(tmp_path)
    url = f"http://{router.rest}/v1/models/other:predict"
    try:
        assert HTTP.post(url, content=b"{}").status_code == 503
        document.write_text(DOCUMENT.format(grpc=grpc.address, rest=rest.address))
        until(lambda: HTTP.post(url, content=b"{}").status_code == 200)
        with Client(router.grpc) as client:
            client.call(predict("other"))
    finally:
        assert router.stop() == 0


def _arm(router: Started, unit: str) -> str:
    url = f"http://{router.rest}/v1/models/m:predict"
    return HTTP.post(url, content=b"{}", headers={"penstock-unit": unit}).headers.get("penstock-arm", "")


def test_a_router_on_every_interface_needs_tokens(tmp_path: Path) -> None:
    (tmp_path / "experiments.yaml").write_text(DOCUMENT.format(grpc="127.0.0.1:1", rest="127.0.0.1:1"))
    command = [sys.executable, "-m", "pipeline.cli.main", "route", str(tmp_path / "experiments.yaml")]
    done = subprocess.run(
        [*command, "--host=0.0.0.0"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert "tokens" in done.stderr


def test_starting_loads_neither_tensorflow_nor_numpy_nor_grpc() -> None:
    code = (
        "import sys, serving.router.process; "
        "print(sorted({'tensorflow', 'numpy', 'grpc', 'pandas', 'pyarrow', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

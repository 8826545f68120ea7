"""Two worker processes behind the same ports: they act as one server."""

from __future__ import annotations

import contextlib
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.serving.clients import GrpcClient, refused, rest_client, spec
from tests.serving.server_process import ServerProcess, answers, until

if TYPE_CHECKING:
    from tests.serving.models import ModelLibrary

pytestmark = pytest.mark.integration

TRIES = 24  # Separate connections: the chance that all reach the same one of two workers is one in 8 million.


@pytest.fixture(scope="module")
def base(models: ModelLibrary, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("workers")
    for version in (1, 2):
        models.place(f"constant_{version}", folder / "m", version)
    for name in ("n", "o"):
        models.place("half_plus_two", folder / name)
    return folder


@pytest.fixture(scope="module")
def server(base: Path) -> Iterator[ServerProcess]:
    config, monitoring = base / "models.config", base / "monitoring.config"
    config.write_text(configured(base, "m"))
    monitoring.write_text("prometheus_config { enable: true }")
    flags = (
        f"--model_config_file={config}",
        f"--monitoring_config_file={monitoring}",
        "--worker_processes=2",
    )
    with ServerProcess(base, *flags, fresh=True) as process:
        until(lambda: "2 worker processes share the ports" in process.log)
        with everyone(process) as client:
            until(lambda: client.states("m") == {1: "AVAILABLE", 2: "AVAILABLE"})
        yield process


def configured(base: Path, *names: str, labels: str = "") -> str:
    platform = 'model_platform: "tensorflow" model_version_policy { all {} }'
    entries = (
        f'config {{ name: "{n}" base_path: "{base / n}" {platform} {labels if n == "m" else ""} }}'
        for n in names
    )
    return f"model_config_list {{ {' '.join(entries)} }}"


@contextlib.contextmanager
def everyone(server: ServerProcess) -> Iterator[GrpcClient]:
    client = GrpcClient(server.address)
    yield client
    client.close()


def each(server: ServerProcess, *, model: str = "m", **chosen: object) -> set[float | str]:
    """The answers on many separate connections; an error is its code."""
    import grpc

    found: set[float | str] = set()
    for _ in range(TRIES):
        with everyone(server) as client:
            try:
                found.update(client.value(spec(model, **chosen)))  # type: ignore[arg-type]
            except grpc.RpcError as error:
                found.add(error.code().name)  # type: ignore[attr-defined]
    return found


def label(name: str, version: int) -> str:
    return f'version_labels {{ key: "{name}" value: {version} }}'


def test_reloads_and_labels_act_on_all_or_on_none(server: ServerProcess, base: Path) -> None:
    assert each(server) == {2.0}
    with everyone(server) as client:
        client.reload(configured(base, "m", "n", labels=label("stable", 1)))
        assert each(server, label="stable") == {1.0}
        assert each(server, model="n") == {2.5}
        with refused("FAILED_PRECONDITION", "version 9 of model m"):
            client.reload(configured(base, "m", labels=label("stable", 9)))
        assert each(server, label="stable") == {1.0}
        assert each(server, model="n") == {2.5}
        counted = "/tensorflow/cc/saved_model/load_attempt_count"
        answer = client.reload(
            configured(base, "m", "o", labels=label("stable", 2)), metrics=[counted, "no such"]
        )
        assert {metric.name: metric.int64_value_increase for metric in answer.metric} == {
            counted: 2,
            "no such": 0,
        }
        assert each(server, label="stable") == {2.0}
        until(lambda: each(server, model="n") == {"NOT_FOUND"})


def test_a_new_version_is_available_once_all_workers_have_it(
    server: ServerProcess, base: Path, models: ModelLibrary
) -> None:
    models.place("constant_3", base / "m", 3)
    with everyone(server) as client:
        until(lambda: client.states("m").get(3) == "AVAILABLE", step=0.01)
    assert each(server, version=3) == {3.0}


def test_metrics_are_summed(server: ServerProcess) -> None:
    def count() -> int:
        found = set()
        for _ in range(3):
            with rest_client(server.url) as rest:
                page = rest.get("/monitoring/prometheus/metrics").text
            line = re.search(r'request_count\{model_name="m",status="OK"\} (\d+)', page)
            found.add(int(line.group(1)) if line else 0)
        assert len(found) == 1
        return found.pop()

    before = count()
    each(server)
    assert count() == before + TRIES


def test_a_dead_worker_is_restarted_with_the_current_labels(server: ServerProcess, base: Path) -> None:
    import psutil

    with everyone(server) as client:
        client.reload(configured(base, "m", labels=label("stable", 1)))
    workers = psutil.Process(server.process.pid).children()
    assert len(workers) == 2
    os.kill(workers[0].pid, signal.SIGKILL)
    until(lambda: "WORKER" in server.log and "DIED" in server.log)
    assert each(server) <= {3.0, "UNAVAILABLE"}
    until(lambda: "is serving again" in server.log, 60)
    assert each(server, label="stable") == {1.0}
    with everyone(server) as client:
        assert set(client.states("m").values()) == {"AVAILABLE"}


def test_all_end_with_the_supervisor(base: Path, server: ServerProcess) -> None:
    """Last in this file: it ends the shared server."""
    import psutil

    workers = psutil.Process(server.process.pid).children()
    assert server.stop() == 0
    until(lambda: not any(worker.is_running() for worker in workers))
    assert not answers(server.port)


def test_a_worker_that_cannot_start_ends_the_start(tmp_path: Path) -> None:
    (tmp_path / "m" / "1").mkdir(parents=True)
    flags = (f"--model_base_path={tmp_path / 'm'}", "--max_num_load_retries=0", "--worker_processes=2")
    with ServerProcess(tmp_path, *flags, ready=False, fresh=True) as server:
        assert server.exit_code() == 255
        assert "Failed to start server. Error: UNKNOWN: 1 servable(s) did not become available" in server.log

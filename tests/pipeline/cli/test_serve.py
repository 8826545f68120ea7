"""``penstock serve`` as a process, with a recording double of tensorflow_model_server on the PATH."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving.engines.conftest import DOUBLE, put
from tests.side_by_side import free_port

COMMAND = [sys.executable, "-c", "from pipeline.cli.main import main; main()", "serve"]
DOCUMENT = """
name: learners
data: {mongo_export: x.jsonl, label: y}
features: {a: zscore}
evaluate: {metrics: [auc], gates: none}
push: {to: served}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A pipeline that has pushed two versions."""
    (tmp_path / "pipeline.yaml").write_text(DOCUMENT)
    for number in ("3", "7"):
        (tmp_path / "served" / number).mkdir(parents=True)
    return tmp_path


class Served:
    """A running ``penstock serve`` and what it prints."""

    def __init__(self, folder: Path, arguments: list[str]) -> None:
        self.record = folder / "recorded.jsonl"
        (folder / "programs").mkdir()
        text = DOUBLE.format(python=sys.executable, record=str(self.record))
        put(folder / "programs", "tensorflow_model_server", text)
        self.process = subprocess.Popen(
            [*COMMAND, *arguments], cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env={**os.environ, "PATH": str(folder / "programs"), "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        self._limit = threading.Timer(60, self.process.kill)
        self._limit.start()

    def until(self, word: str) -> str:
        seen = ""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            seen += line
            if word in line:
                return seen
        raise AssertionError(seen)

    def recorded(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.record.read_text().splitlines()]

    def close(self) -> None:
        self._limit.cancel()
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def served(project: Path) -> Iterator[tuple[Served, tuple[int, int]]]:
    ports = (free_port(), free_port())
    options = ["--engine", "binary", f"--port={ports[0]}", f"--rest-port={ports[1]}"]
    running = Served(project, [".", *options, "--", "--enable_batching=true"])
    yield running, ports
    running.close()


def test_a_pipeline_is_served_under_its_name_until_ctrl_c(
    project: Path, served: tuple[Served, tuple[int, int]]
) -> None:
    running, ports = served
    said = running.until("serving.client")
    assert "Engine: binary" in said
    assert "listens on every interface" in said
    assert "versions in the folder: 3, 7" in said
    assert (
        f"curl -s -d '{{\"instances\": [1.0]}}' http://127.0.0.1:{ports[1]}/v1/models/learners:predict"
        in said
    )
    assert f'Client("grpc://127.0.0.1:{ports[0]}")' in said
    running.process.send_signal(signal.SIGINT)
    rest, _ = running.process.communicate(timeout=30)
    assert running.process.returncode == 0, rest
    assert running.recorded() == [
        {
            "arguments": [
                f"--port={ports[0]}",
                f"--rest_api_port={ports[1]}",
                "--model_name=learners",
                f"--model_base_path={(project / 'served').resolve()}",
                "--enable_batching=true",
            ]
        },
        {"ended": "SIGTERM"},
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a process to its parent")
def test_a_killed_command_takes_its_server_with_it(served: tuple[Served, tuple[int, int]]) -> None:
    running, _ = served
    running.until("Serving learners")
    running.process.kill()
    running.process.wait()
    for _ in range(200):
        if {"ended": "SIGTERM"} in running.recorded():
            return
        threading.Event().wait(0.05)
    raise AssertionError("it lives on")


def asked(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )


def test_a_server_that_ends_by_itself_is_an_error(project: Path) -> None:
    (project / "programs").mkdir()
    put(project / "programs", "tensorflow_model_server", "#!/bin/sh\necho broken model >&2\nexit 3\n")
    done = subprocess.run(
        [*COMMAND, ".", "--engine=binary", *(f"--{n}={p}" for n, p in zip(("port", "rest-port"), (free_port(), free_port()), strict=True))],
        cwd=project, capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, "PATH": f"{project / 'programs'}:/usr/bin:/bin"},
    )  # fmt: skip
    assert done.returncode == 1
    assert "broken model" in done.stderr
    assert "exit code 3" in done.stderr


def test_what_cannot_be_served_is_a_one_line_error(project: Path, tmp_path: Path) -> None:
    (project / "none.yaml").write_text(DOCUMENT.replace("push: {to: served}", ""))
    (project / "empty.yaml").write_text(DOCUMENT.replace("to: served", "to: elsewhere"))
    for target, said in (
        ("none.yaml", "'push' section"),
        ("empty.yaml", "penstock run"),
        ("programs", "no such"),
        ("gone/saved_model.pb", "gone:1:1: there is no such file"),
    ):
        done = asked(project, target)
        assert done.returncode != 0
        assert said in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1


def test_a_taken_port_is_reported_at_once(project: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = asked(project, ".", "--engine=embedded", f"--port={taken.getsockname()[1]}")
    assert done.returncode == 1
    assert "a free port" in done.stderr


def test_a_further_argument_is_refused(project: Path) -> None:
    assert asked(project, ".", "other").returncode == 2


def test_nothing_heavy_is_imported() -> None:
    code = "import sys, serving.engines.serve, serving.client, pipeline.cli.main; print({'tensorflow', 'tfx', 'apache_beam', 'grpc'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_experiments_are_run_by_our_own_server_alone(project: Path) -> None:
    (project / "experiments.yaml").write_text(
        "experiments: {e: {model: learners, control: a, arms: {a: {version: 3}, b: {backend: far}}}}\n"
        "backends: {far: {grpc: '127.0.0.1:1'}}\n"
    )

    def run(*more: str) -> subprocess.CompletedProcess[str]:
        arguments = [
            *COMMAND,
            "--experiments=experiments.yaml",
            f"--port={free_port()}",
            f"--rest-port={free_port()}",
        ]
        return subprocess.run(
            [*arguments, *more], cwd=project, capture_output=True, text=True, timeout=60, check=False
        )

    other = run("--engine=binary")
    assert other.returncode == 2
    assert "expected embedded, which alone runs experiments itself" in other.stderr
    # The document reaches the server, which refuses it before TensorFlow is loaded.
    own = run()
    assert own.returncode != 0
    assert "experiments.e.arms.b.backend: expected none" in own.stdout + own.stderr

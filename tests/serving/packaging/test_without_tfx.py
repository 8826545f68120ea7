"""``pip install penstock[serving]`` does not install TFX: the server and ``penstock serve`` run without its packages."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.serving.server_process import answers, until
from tests.side_by_side import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[3]
BLOCKER = """
import runpy, sys
FORBIDDEN = {"tfx", "apache_beam", "ml_metadata", "tensorflow_data_validation", "tensorflow_transform",
             "tensorflow_model_analysis", "tensorflow_metadata", "tfx_bsl", "bson", "pymongo", "IPython",
             "sklearn", "pyarrow", "pandas", "uvicorn", "starlette"}
class Blocker:
    def find_spec(self, name, *_):
        if name.partition(".")[0] in FORBIDDEN:
            raise ModuleNotFoundError(f"No module named {name!r}: the extra `serving` does not install it", name=name)
sys.meta_path.insert(0, Blocker())
module, sys.argv = sys.argv[1], sys.argv[1:]
runpy.run_module(module, run_name="__main__", alter_sys=True)
"""


def command(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", BLOCKER, module, *arguments]


def run(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(module, *arguments), capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("without_tfx") / "soak"
    writer = ROOT / "benchmarks" / "serving" / "soak_model.py"
    subprocess.run([sys.executable, str(writer), str(folder), "1"], check=True, capture_output=True)
    return folder


@pytest.fixture
def served(base: Path) -> Iterator[int]:
    port, rest_port = free_port(), free_port()
    flags = (f"--port={port}", f"--rest_api_port={rest_port}", "--model_name=m", f"--model_base_path={base}")
    log = base.parent / "server.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            command("serving.server", *flags), stdout=out, stderr=out, env={**os.environ}
        )
    try:
        until(lambda: process.poll() is not None or answers(rest_port), 90)
        assert process.poll() is None, log.read_text()
        yield rest_port
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0, log.read_text()
    finally:
        process.kill()


def test_the_server_serves_without_tfx(served: int) -> None:
    body = b'{"instances": [[1.0, 2.0, 3.0, 4.0]]}'
    with urllib.request.urlopen(f"http://127.0.0.1:{served}/v1/models/m:predict", body, 30) as answer:
        assert json.load(answer) == {"predictions": [{"y": [10.0], "version": 1}]}


def test_the_server_prints_its_version_without_tfx() -> None:
    done = run("serving.server", "--version")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("TensorFlow ModelServer: ")


@pytest.mark.parametrize("arguments", [("--help",), ("serve", "--help"), ("plan", "--help")], ids=" ".join)
def test_the_command_line_starts_without_tfx(arguments: tuple[str, ...]) -> None:
    done = run("pipeline.cli.main", *arguments)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_command_that_needs_tfx_names_the_extra(base: Path) -> None:
    done = run("pipeline.cli.main", "run", "-f", str(ROOT / "examples/learner_retention/pipeline.yaml"))
    assert done.returncode == 1
    assert "remedy: pip install 'penstock[pipeline]'" in done.stderr

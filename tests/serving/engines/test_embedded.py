"""``penstock serve`` with our own server, and the commands it prints, run as printed."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from serving.wire.dtypes import DType
from tests.serving.engines.conftest import warmup_record
from tests.serving.models import ModelLibrary, write_warmup
from tests.side_by_side import free_port, shared_folder

pytestmark = pytest.mark.integration


@pytest.fixture
def library(tmp_path_factory: pytest.TempPathFactory) -> ModelLibrary:
    return ModelLibrary(shared_folder(tmp_path_factory) / "saved_models")


def test_printed_commands_answer_with_the_real_row(library: ModelLibrary, tmp_path: Path) -> None:
    version = library.place("half_plus_two", tmp_path / "halves", 4)
    write_warmup(version, [warmup_record("serving_default", x=(DType.FLOAT, [7.0, 8.0]))])
    command = [
        sys.executable,
        "-c",
        "from pipeline.cli.main import main; main()",
        "serve",
        str(version.parent),
    ]
    ports = [f"--port={free_port()}", f"--rest-port={free_port()}"]
    with subprocess.Popen([*command, *ports], cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        limit = threading.Timer(120, process.kill)
        limit.start()
        try:
            assert process.stdout is not None
            said = ""
            for line in process.stdout:
                said += line
                if "serving.client" in line:
                    break
            assert "Engine: embedded" in said
            assert "a real row" in said, said
            curl, grpc = re.findall(r"^(?:curl|\S+ -c) .*$", said, re.MULTILINE)
            if shutil.which("curl"):
                assert json.loads(ran(curl)) == {"predictions": [5.5]}
            assert "array([5.5]" in ran(grpc)
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=30) == 0
        finally:
            limit.cancel()
            process.kill()


def ran(command: str) -> str:
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout

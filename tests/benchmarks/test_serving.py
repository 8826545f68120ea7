"""The soak and the fuzzer of the server, in their short forms."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "benchmarks" / "serving"


def run(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPTS / script), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)


@pytest.mark.integration
def test_no_request_fails_while_versions_come_and_go_and_labels_move() -> None:
    done = run("soak.py", "--seconds", "10", "--every", "2")
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    assert ", 0 failed" in done.stdout


@pytest.mark.integration
def test_no_input_of_either_protocol_ends_in_an_internal_error() -> None:
    done = run("fuzz.py", "--inputs", "2500", "--seconds", "60")
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    assert "nothing found" in done.stdout

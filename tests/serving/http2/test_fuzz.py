"""The fuzzer of the protocol, in its short form."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / "benchmarks" / "serving" / "fuzz_http2.py"


@pytest.mark.parametrize("seed", [1, 2026])
def test_no_sequence_of_frames_breaks_a_connection(seed: int) -> None:
    command = [sys.executable, str(SCRIPT), "--frames", "15000", "--seed", str(seed)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    assert "nothing found" in done.stdout
    assert "never awaited" not in done.stderr

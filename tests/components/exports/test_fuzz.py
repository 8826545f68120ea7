"""A short run of the fuzzer, and the one input that it once found; ``benchmarks/fuzz_readers.py`` runs longer."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from components.exports.recognition import recognise
from foundation.errors import DataError

SCRIPT = Path(__file__).parents[3] / "benchmarks" / "fuzz_readers.py"
SECONDS = 5.0


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("penstock_fuzz_readers", SCRIPT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("seed", [1, 2])
def test_damaged_exports_are_read_whole_or_refused(tmp_path: Path, seed: int) -> None:
    found = _load().fuzz(SECONDS, seed, tmp_path)
    assert set(found) <= {"refused", "read", "read, some quarantined"}
    assert sum(found.values()) > 50


def test_deep_nesting_in_a_line_that_is_tried_as_json_is_no_crash(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b'x\n{"a":' + b'{"a":' * 5000 + b"\n")
    with pytest.raises(DataError, match="none of these"):
        recognise(path)

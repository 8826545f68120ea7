"""Test processes share what is costly, so they must not differ in what it was made from."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.runners.zygote import fingerprint, preload
from tests.side_by_side import importing

CODE = """
import os
from pipeline.runners.zygote import fingerprint, preload
print(fingerprint.state_digest(preload.EVERYTHING, fingerprint.search_path(), os.environ))
"""


def of_a_kernel() -> dict[str, str]:
    pytest.importorskip("nbclient")
    from scripts.execute_notebooks import kernel_variables

    return kernel_variables(None)


@pytest.mark.parametrize("variables", [importing, of_a_kernel])
def test_what_tests_start_uses_the_zygote_of_the_tests(
    variables: Callable[[], dict[str, str]], tmp_path: Path
) -> None:
    there = subprocess.run(
        [sys.executable, "-c", CODE],
        cwd=tmp_path,
        env=variables(),
        capture_output=True,
        text=True,
        check=True,
    )
    here = fingerprint.state_digest(preload.EVERYTHING, fingerprint.search_path(), os.environ)
    assert there.stdout.strip() == here


def test_our_packages_are_named_where_they_are_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    root = str(Path(__file__).resolve().parents[1])
    monkeypatch.setattr(sys, "path", [root, *(entry for entry in sys.path if entry != root)])
    monkeypatch.setenv("PYTHONPATH", "/other")
    assert importing()["PYTHONPATH"].split(os.pathsep) == [root, "/other"]

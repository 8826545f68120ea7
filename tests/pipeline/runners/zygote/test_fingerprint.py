"""What makes another zygote."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from pipeline.runners.zygote import fingerprint, memory


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of installed packages beside code of ours."""
    (tmp_path / "foundation").mkdir()
    (tmp_path / "foundation" / "errors.py").write_text("x = 1\n", encoding="utf-8")
    (tmp_path / "site-packages" / "tensorflow-2.dist-info").mkdir(parents=True)
    monkeypatch.setattr(fingerprint, "package_root", lambda: tmp_path)
    return tmp_path / "site-packages"


def state(packages: Path, **variables: str) -> str:
    return fingerprint.state_digest(["m"], [str(packages)], variables)


def test_code_packages_and_variables_make_another(packages: Path) -> None:
    seen = [state(packages), state(packages, TF_X="1"), state(packages, TF_X="2")]
    (packages.parent / "foundation" / "errors.py").write_text("x = 12\n", encoding="utf-8")
    seen.append(state(packages))
    (packages / "keras-3.dist-info").mkdir()
    seen.append(state(packages))
    os.utime(packages / "tensorflow-2.dist-info", (0, 0))
    seen.append(state(packages))
    assert len(set(seen)) == len(seen)


@pytest.mark.parametrize(
    "variable",
    ["NPY_DISABLE_CPU_FEATURES", "ARROW_DEFAULT_MEMORY_POOL", "SCIPY_ARRAY_API", "PANDAS_COPY_ON_WRITE"],
)
def test_what_numbers_depend_on_makes_another(variable: str, packages: Path) -> None:
    assert state(packages, **{variable: "1"}) != state(packages)


def test_what_is_written_beside_by_running_does_not(packages: Path) -> None:
    before = state(packages)
    (packages / "__pycache__").mkdir()
    (packages.parent / "foundation" / "__pycache__").mkdir()
    assert state(packages, TERM="xterm", TF_CPP_MIN_LOG_LEVEL="1") == before


def test_a_script_or_notebook_has_the_environments_zygote(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p.startswith((sys.prefix, sys.base_prefix))])
    before = fingerprint.search_path()
    monkeypatch.setattr(sys, "path", ["", "/home/x/project", f"{sys.prefix}/bin", *sys.path])
    assert fingerprint.search_path() == before


@pytest.mark.parametrize(
    ("free", "reason"), [(2**30, ""), (100 * 2**20, "only 100 MiB of memory are free"), (None, "")]
)
def test_too_little_memory_is_a_reason_against_a_fork(
    free: int | None, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "available", lambda: free)
    assert memory.lacking() == reason

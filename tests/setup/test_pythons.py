"""The supported Pythons: the same everywhere, the lowest one tested, the others at least compiled."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOWEST, TOO_NEW = (int(minor) for minor in re.findall(r"3\.(\d+)", PROJECT["project"]["requires-python"]))
HIGHEST = TOO_NEW - 1


def test_style_and_types_are_checked_for_the_lowest():
    assert PROJECT["tool"]["ruff"]["target-version"] == f"py3{LOWEST}"
    assert PROJECT["tool"]["mypy"]["python_version"] == f"3.{LOWEST}"


def test_set_up_looks_for_the_lowest_first_and_so_every_test_runs_on_it():
    script = (ROOT / "scripts" / "setup").read_text()
    candidates = re.findall(r"\bpython3\.(\d+)\b", script)
    assert [int(minor) for minor in candidates] == list(range(LOWEST, HIGHEST + 1))
    assert f"((3, {LOWEST}) <= sys.version_info[:2] <= (3, {HIGHEST}) " in script


def test_the_locks_hold_for_the_lowest():
    assert f"--python-version 3.{LOWEST} " in (ROOT / "scripts" / "lock").read_text()


@pytest.mark.parametrize("page", ["README.md", "docs/install.md", "scripts/setup"])
def test_people_are_told_the_same(page):
    text = (ROOT / page).read_text()
    assert set(re.findall(r"Python 3\.(\d+) to 3\.(\d+)", text)) == {(str(LOWEST), str(HIGHEST))}


def find_python(minor):
    name = f"python3.{minor}"
    kept = sorted(Path.home().glob(f".pyenv/versions/3.{minor}.*/bin/{name}"))
    return next((str(path) for path in kept), None) or shutil.which(name)


@pytest.mark.parametrize("minor", range(LOWEST + 1, HIGHEST + 1))
def test_every_module_compiles_without_a_warning(minor):
    python = find_python(minor)
    if python is None:
        pytest.skip(f"no Python 3.{minor} on this machine")
    sources = [
        ROOT / path
        for folder in PROJECT["tool"]["mypy"]["files"]
        for path in sorted((ROOT / folder).rglob("*.py"))
    ]
    code = (
        "import sys, pathlib\n"
        "for path in sys.stdin.read().splitlines(): compile(pathlib.Path(path).read_bytes(), path, 'exec')"
    )
    result = subprocess.run(
        [python, "-E", "-s", "-W", "error", "-X", "utf8", "-c", code],
        input="\n".join(map(str, sources)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")

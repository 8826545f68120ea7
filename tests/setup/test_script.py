"""scripts/setup itself: what it says when there is no fit Python."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "setup"


@pytest.fixture
def bare(tmp_path):
    """A copy of the script in an empty repository, and a path with nothing but a shell's basics."""
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "setup").write_bytes(SCRIPT.read_bytes())
    (tmp_path / "bin").mkdir()
    for program in ("dirname", "head"):
        (tmp_path / "bin" / program).symlink_to(f"/usr/bin/{program}")
    return tmp_path


def fake_python(bare, name, body):
    path = bare / "bin" / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def set_up(bare, **more):
    return subprocess.run(
        ["/bin/sh", str(bare / "scripts" / "setup")],
        env={"PATH": str(bare / "bin"), "HOME": str(bare), **more},
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_python_the_remedy_is_named(bare):
    result = set_up(bare)
    assert result.returncode == 1
    assert "Cause: python" in result.stderr
    assert "seen:     none" in result.stderr
    assert "apt-get install python3" in result.stderr


def test_a_python_that_is_too_old_is_shown(bare):
    fake_python(bare, "python3", '[ "$1" = --version ] && echo Python 3.8.10 && exit 0; exit 1')
    assert "python3 (Python 3.8.10)" in set_up(bare).stderr


def test_a_python_without_venv_gets_debians_remedy(bare):
    body = 'case "$*" in *ensurepip*) exit 1;; *"%d.%d"*) echo 3.12;; esac; exit 0'
    fake_python(bare, "python3.12", body)
    assert "apt-get install python3.12-venv python3.12-dev" in set_up(bare).stderr


def test_a_fit_python_runs_the_bootstrap(bare):
    fake_python(bare, "python3.12", 'case "$*" in *bootstrap) echo ran "$@";; esac; exit 0')
    result = set_up(bare)
    assert result.returncode == 0
    assert result.stdout.split()[-1] == str(bare / "scripts" / "bootstrap")


@pytest.mark.parametrize(
    ("version", "pointer", "code"),
    [
        pytest.param((2, 7, 18), 2**63, 1, id="2.7"),
        pytest.param((3, 9, 18), 2**63, 1, id="3.9"),
        pytest.param((3, 10, 13), 2**63, 1, id="3.10"),
        pytest.param((3, 11, 7), 2**63, 0, id="3.11"),
        pytest.param((3, 12, 0), 2**63, 0, id="3.12"),
        pytest.param((3, 13, 5), 2**63, 0, id="3.13"),
        pytest.param((3, 14, 0), 2**63, 1, id="3.14"),
        pytest.param((3, 11, 7), 2**31, 1, id="32 bits"),
    ],
)
def test_a_fit_python_is_one_that_tfx_has_wheels_for(monkeypatch, version, pointer, code):
    question = re.search(r"is_supported\(\) \{.*?-c '(.*?)'", SCRIPT.read_text(), re.DOTALL)[1]
    monkeypatch.setattr(sys, "version_info", version)
    monkeypatch.setattr(sys, "maxsize", pointer)
    with pytest.raises(SystemExit) as answer:
        exec(question)
    assert answer.value.code == code


def test_a_chosen_python_that_does_not_fit_is_refused(bare):
    chosen = fake_python(bare, "old", '[ "$1" = --version ] && echo Python 3.9.1; exit 1')
    result = set_up(bare, PENSTOCK_PYTHON=str(chosen))
    assert result.returncode == 1
    assert f"subject:  PENSTOCK_PYTHON={chosen}" in result.stderr
    assert "Python 3.9.1" in result.stderr

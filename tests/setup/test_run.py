"""Commands are logged, and their failures become errors that say what to do."""

import sys

import pytest

from scripts.bootstrap.errors import Cause, SetupError
from scripts.bootstrap.run import clean_environment, run


def python(code, layout, **more):
    return run(layout, [sys.executable, "-c", code], cause=Cause.PACKAGES, subject="a command", **more)


def test_output_is_given_back_logged_and_told_line_by_line(layout):
    lines = []
    output = python(
        "import sys; print('a'); sys.stdout.flush(); print('b', file=sys.stderr)",
        layout,
        on_line=lines.append,
    )
    assert output == "a\nb\n"
    assert lines == ["a", "b"]
    assert layout.log.read_text().endswith("a\nb\n")


def test_a_failure_names_the_log_and_shows_the_last_lines(layout):
    with pytest.raises(SetupError) as caught:
        python("print('the end'); raise SystemExit(3)", layout)
    assert caught.value.cause is Cause.PACKAGES
    assert caught.value.seen == f"exit code 3, all of it in {layout.log}\nthe end"


def test_a_remedy_of_its_own_is_given_only_for_the_cause_it_is_for(layout):
    with pytest.raises(SetupError) as caught:
        python("raise SystemExit('Could not resolve host')", layout, remedy="mine")
    assert caught.value.cause is Cause.NETWORK
    assert "HTTPS_PROXY" in caught.value.remedy


def test_the_callers_own_python_settings_do_not_reach_commands(monkeypatch):
    for name in ("PYTHONPATH", "PIP_TARGET", "VIRTUAL_ENV"):
        monkeypatch.setenv(name, "/elsewhere")
    monkeypatch.setenv("PIP_INDEX_URL", "https://mirror/")
    environment = clean_environment({"EXTRA": "1"})
    assert not {"PYTHONPATH", "PIP_TARGET", "VIRTUAL_ENV"} & set(environment)
    assert environment["PIP_INDEX_URL"] == "https://mirror/"
    assert environment["EXTRA"] == "1"

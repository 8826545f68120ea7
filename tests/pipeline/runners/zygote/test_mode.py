"""When a run uses a zygote."""

from __future__ import annotations

from pathlib import Path

import pytest

from foundation.errors import SpecError
from pipeline.runners.zygote import mode


@pytest.fixture(autouse=True)
def at_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A person's machine; the mark of a container is the file that is returned."""
    for name in ("CI", "KUBERNETES_SERVICE_HOST", mode.VARIABLE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(mode, "_MARKS", (str(tmp_path / "mark"),))
    return tmp_path / "mark"


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        pytest.param({}, "", id="at home"),
        pytest.param({"CI": "false"}, "", id="CI is off"),
        pytest.param({"CI": "1"}, "continuous integration", id="CI"),
        pytest.param({"CI": "true", "PENSTOCK_ZYGOTE": "on"}, "", id="asked for in CI"),
        pytest.param({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, "container", id="Kubernetes"),
        pytest.param({"CI": "true", "PENSTOCK_ZYGOTE": "nodes"}, "", id="asked for by nodes too"),
        pytest.param({"PENSTOCK_ZYGOTE": "OFF"}, "PENSTOCK_ZYGOTE=off", id="off"),
        pytest.param({"PENSTOCK_ZYGOTE": "auto", "CI": "1"}, "continuous integration", id="auto"),
    ],
)
def test_a_zygote_is_used_where_a_second_run_is_likely(
    variables: dict[str, str], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    said = mode.reason_against()
    assert reason in said
    assert bool(said) is bool(reason)


def test_a_container_goes_without(at_home: Path) -> None:
    at_home.touch()
    assert "container" in mode.reason_against()


@pytest.mark.parametrize(("said", "expected"), [("nodes", True), ("on", False), ("off", False), ("", False)])
def test_a_scheduler_s_node_uses_one_only_where_that_is_asked_for(
    said: str, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(mode.VARIABLE, said)
    assert mode.is_for_nodes() is expected


def test_another_word_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(mode.VARIABLE, "yes")
    with pytest.raises(SpecError, match="expected on, off, auto or nodes; seen: 'yes'"):
        mode.reason_against()

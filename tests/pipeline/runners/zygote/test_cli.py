"""``penstock status`` names the zygote, ``penstock clean`` ends it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from pipeline.cli.main import main
from pipeline.runners.zygote.client import Zygote
from tests.foundation.processes.test_tether import is_alive
from tests.pipeline.conftest import DOCUMENT
from tests.pipeline.runners.zygote.conftest import pid_of, until


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with a document."""
    (tmp_path / "pipeline.yaml").write_text(yaml.safe_dump(DOCUMENT))
    monkeypatch.chdir(tmp_path)


def test_status_says_that_there_is_none(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["zygote"] == "none"


def test_clean_ends_it_when_that_is_wanted(zygote: Zygote, capsys: pytest.CaptureFixture[str]) -> None:
    pid = pid_of(zygote)
    assert main(["status"]) == 0
    assert f"process {pid}, idle for 0 s, " in capsys.readouterr().out
    assert main(["clean"]) == 0
    assert "would be ended" in capsys.readouterr().out
    assert is_alive(pid)
    assert main(["clean", "--yes"]) == 0
    assert f"zygote: process {pid}" in capsys.readouterr().out
    assert until(lambda: not is_alive(pid))
    assert main(["status", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["zygote"] == "none"

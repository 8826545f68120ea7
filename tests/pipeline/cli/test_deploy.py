"""``penstock deploy`` through its entry point."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pipeline.cli.main import main
from tests.pipeline.conftest import DOCUMENT

SERVING = "name: learners\nmodels: {retention: {versions: [3], labels: {stable: 3}}}\ncompose: {}\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_serving_document_becomes_files(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("serving.yaml").write_text(SERVING)
    assert main(["deploy", "serving.yaml", "--out", "out"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "wrote out/config/models.config",
        "wrote out/docker-compose.yaml",
    ]
    assert main(["deploy", "serving.yaml", "--out", "out"]) == 0
    assert capsys.readouterr().out == "2 files unchanged\n"


def test_a_move_that_a_server_would_refuse_is_noted(capsys: pytest.CaptureFixture[str]) -> None:
    Path("serving.yaml").write_text(SERVING)
    main(["deploy", "serving.yaml"])
    Path("serving.yaml").write_text(SERVING.replace("[3]", "[3, 5]").replace("stable: 3", "stable: 5"))
    capsys.readouterr()
    assert main(["deploy", "serving.yaml"]) == 0
    assert "note: retention: label stable moves from 3 to 5" in capsys.readouterr().out


def test_a_pipelines_model_is_served_by_compose(folder: Path) -> None:
    Path("pipeline.yaml").write_text(yaml.safe_dump({**DOCUMENT, "push": {"to": "served/models"}}))
    assert main(["deploy"]) == 0
    [service] = yaml.safe_load(Path("deploy/docker-compose.yaml").read_text())["services"].values()
    assert {v["target"]: v["source"] for v in service["volumes"]}["/models"] == "../served/models"
    text = Path("deploy/config/models.config").read_text()
    assert f'name: "{DOCUMENT["name"]}"' in text
    assert 'base_path: "/models"' in text


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        pytest.param(["deploy", "none.yaml"], 2, "no such file", id="no document"),
        pytest.param(
            ["deploy", "wrong.yaml"],
            2,
            "wrong.yaml:2:1: modles: unknown key 'modles'; did you mean 'models'?",
            id="misspelt",
        ),
        pytest.param(["deploy"], 2, "push: {to: FOLDER}", id="a pipeline that pushes nothing"),
        pytest.param(
            ["deploy", "s.yaml", "-f", "p.yaml"], 2, "a serving document, or a pipeline document", id="both"
        ),
    ],
)
def test_mistakes_are_one_error(
    capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, words: str
) -> None:
    Path("wrong.yaml").write_text("name: a\nmodles: {m: {}}\n")
    Path("pipeline.yaml").write_text(yaml.safe_dump({k: v for k, v in DOCUMENT.items() if k != "push"}))
    assert main(arguments) == code
    assert words in capsys.readouterr().err


def test_it_imports_no_tensorflow() -> None:
    Path("serving.yaml").write_text(SERVING)
    code = (
        "import sys; from pipeline.cli.main import main; main(['deploy', 'serving.yaml']);"
        "assert not {'tensorflow', 'tfx', 'apache_beam', 'grpc'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, capture_output=True)

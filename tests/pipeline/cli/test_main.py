"""Commands through their entry point: what they print, their exit codes, what they do not import."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pipeline.cli.history import _where
from pipeline.cli.main import main
from pipeline.cli.options import open_session
from pipeline.lineage.records import Artifact
from pipeline.schemas import pending_path
from tests.pipeline.conftest import DOCUMENT

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a document and an export in it."""
    documents = [{"_id": i, "retained": i % 2, "lessons": i, "country": "de"} for i in range(200)]
    (tmp_path / "export.jsonl").write_text("".join(json.dumps(d) + "\n" for d in documents))
    (tmp_path / "pipeline.yaml").write_text(yaml.safe_dump(DOCUMENT))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_plan_says_what_would_run_and_writes_nothing(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(project.rglob("*"))
    assert main(["plan"]) == 0
    out = capsys.readouterr().out
    assert "MongoExampleGen   run" in out
    assert "11 nodes to run" in out
    assert sorted(project.rglob("*")) == before


def test_plan_prints_json_on_request(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "--json"]) == 0
    assert {n["action"] for n in json.loads(capsys.readouterr().out)} == {"run", "resolve"}


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("train.epochs", "--set train.epochs: no value given; expected train.epochs=value; seen: no '='"),
        ("", "this is not a key of the document"),
        ("train.epochs=", ""),
    ],
)
def test_an_override_without_a_value_is_refused(
    project: Path, capsys: pytest.CaptureFixture[str], option: str, said: str
) -> None:
    assert main(["plan", "--set", option]) == (2 if said else 0)
    assert said in capsys.readouterr().err


def test_schema_diff_before_the_review_says_what_to_do(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = 'feature { name: "lessons" type: INT }'
    session = open_session(None)
    pending_path(session.schema_file).parent.mkdir(parents=True, exist_ok=True)
    pending = pending_path(session.schema_file)
    pending.write_text(text)
    assert main(["schema", "diff"]) == 0
    said = f"no schema is reviewed yet. Review {pending}, then 'penstock schema approve'."
    assert said in capsys.readouterr().out
    pending.rename(session.schema_file)
    assert main(["schema", "diff"]) == 0
    assert "no inferred schema awaits review" in capsys.readouterr().out
    pending.write_text(text)
    assert main(["schema", "diff"]) == 0
    assert capsys.readouterr().out == "No difference.\n"


def test_show_lists_no_model_where_nothing_was_pushed() -> None:
    undone = Artifact(1, "PushedModel", "/root/Pusher/1", "LIVE", {"pushed": 0})
    assert _where(undone) == "nothing was pushed"
    assert _where(Artifact(1, "PushedModel", "/root/Pusher/1", "LIVE", {"pushed": 1})) == "/root/Pusher/1"
    assert _where(Artifact(1, "Model", "/root/Trainer/1", "LIVE")) == "/root/Trainer/1"


def test_status_before_the_first_run(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status"]) == 0
    assert "none yet" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["runs", "plan", "status", "versions"])
def test_every_query_works_before_the_first_run(project: Path, command: str) -> None:
    assert main([command]) == 0


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        pytest.param(["plan", "-f", "nowhere.yaml"], 2, "nowhere.yaml", id="no document"),
        pytest.param(["plan", "--set", "train.stepz=3"], 2, "steps", id="misspelt override"),
        pytest.param(["plan", "--set", "data.mongo_export=gone.jsonl"], 3, "gone.jsonl", id="no export"),
        pytest.param(["run", "--from", "Triner"], 2, "did you mean 'Trainer'", id="misspelt node"),
        pytest.param(["show"], 3, "penstock runs", id="no run"),
        pytest.param(["lineage"], 3, "latest blessed", id="no model"),
        pytest.param(["eval", "7"], 3, "model 7", id="unknown model"),
        pytest.param(["rollback"], 3, "version", id="nothing pushed"),
    ],
)
def test_errors_are_one_line_with_an_exit_code(
    project: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, words: str
) -> None:
    assert main(arguments) == code
    err = capsys.readouterr().err
    assert words in err
    assert "Traceback" not in err


def test_debug_adds_the_traceback(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--debug", "show"]) == 3
    assert "Traceback" in capsys.readouterr().err


def test_unknown_commands_and_options_exit_with_2(project: Path) -> None:
    assert main(["plan", "--colour"]) == 2
    assert main(["plant"]) == 2


def test_folders_with_our_names_in_the_working_directory_do_no_harm(project: Path) -> None:
    for name in ("pipeline", "components", "serving", "foundation"):
        (project / name).mkdir()
        (project / name / "__init__.py").write_text("raise RuntimeError('imported the wrong one')\n")
    command = Path(sys.executable).parent / "penstock"
    if not command.exists():
        pytest.skip("the command penstock is not installed beside this Python")
    done = subprocess.run([command, "plan"], capture_output=True, text=True, check=False)
    assert (done.returncode, "MongoExampleGen" in done.stdout) == (0, True), done.stderr


def test_a_terminal_that_lacks_a_sign_ends_no_command(project: Path) -> None:
    (project / "größe").mkdir()
    command = [sys.executable, "-m", "pipeline.cli.main", "init", "export.jsonl", "--folder", "größe"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, "gr??e" in done.stdout) == (0, True), done.stderr


def test_without_tfx_a_command_that_needs_it_names_the_extra(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "ml_metadata", raising=False)

    class Without:
        def find_spec(self, name: str, *_: object) -> None:
            if name.partition(".")[0] == "ml_metadata":
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(sys, "meta_path", [Without(), *sys.meta_path])
    assert main(["run"]) == 1
    assert "needs ml_metadata" in (error := capsys.readouterr().err)
    assert "pip install 'penstock[pipeline]'" in error


@pytest.mark.parametrize(("command", "goes_on"), [("run", True), ("serve", False)])
def test_ctrl_c_mentions_resuming_only_where_a_run_can_resume(
    command: str, goes_on: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pipeline.cli.main.get_group", interrupted)
    assert main([command]) == 130
    assert ("resumes from here" in capsys.readouterr().err) is goes_on

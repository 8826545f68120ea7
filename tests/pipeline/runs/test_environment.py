"""What a run was made with: in its record, and in what lineage shows."""

from __future__ import annotations

import json
import re
import subprocess
from importlib import metadata
from pathlib import Path

from components.trainer.result import TrainingHistory
from pipeline.lineage.records import Artifact, Execution
from pipeline.lineage.store import MemoryLineage
from pipeline.lineage.trace import Step, trace
from pipeline.runs.book import RunBook, RunRecord
from pipeline.runs.environment import code_version, installed_packages, made_with


def test_the_packages_are_those_that_are_installed() -> None:
    import numpy

    found = installed_packages()
    assert found["numpy"] == numpy.__version__
    assert {"python", "tensorflow", "keras", "apache-beam", "tfx"} <= set(found)
    told = {
        re.sub(r"[-_.]+", "-", one.metadata["Name"]).lower(): one.version for one in metadata.distributions()
    }
    assert {name: version for name, version in found.items() if name != "python"} == told


def test_code_without_git_is_a_digest_of_document_and_own_code(tmp_path: Path) -> None:
    document = tmp_path / "pipeline.yaml"
    document.write_text("name: a")
    first = code_version(tmp_path, [document], ["abc"])
    assert first.startswith("sha256:") and len(first) == 19
    assert code_version(tmp_path, [document], ["abc"]) == first
    assert code_version(tmp_path, [document], ["abd"]) != first
    document.write_text("name: b")
    assert code_version(tmp_path, [document], ["abc"]) != first


def test_code_under_git_is_its_commit(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "a"]):
        subprocess.run([*git, *command], check=True)
    commit = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout
    assert code_version(tmp_path) == commit[:12]
    (tmp_path / "a").write_text("2")
    assert code_version(tmp_path) == commit[:12] + "+"


def trained(folder: Path) -> Step:
    folder.mkdir()
    TrainingHistory((), train={"seed": 7}).write(folder)
    return Step("Trainer", 3, "r1", (), (Artifact(1, "ModelRun", str(folder), "LIVE"),), {})


def test_lineage_shows_seed_code_and_packages_of_a_model(tmp_path: Path) -> None:
    book, step = RunBook(tmp_path), trained(tmp_path / "run")
    assert made_with(step, book) == {"seed": 7}  # the run's record is gone
    packages = {"aardvark": "1", "keras": "3.1", "python": "3.12", "tensorflow": "2.21"}
    book.write(RunRecord("r1", "p", "complete", 1.0, code="abc+", packages=packages))
    found = made_with(step, book)
    assert (found["seed"], found["project"]) == (7, "abc+")
    assert found["packages"][0] == "python 3.12"
    assert "aardvark 1" in found["packages"]
    assert made_with(Step("Pusher", 4, "r1", (), (), {}), book) == {}


def test_an_export_without_spans_has_none_to_show() -> None:
    read = json.dumps({"fingerprint": "f", "files": [["a.jsonl", 1, 2]], "span": None})
    execution = Execution(
        1, "MongoExampleGen", "COMPLETE", {"input_json": read}, "r1", 1, 2, {}, {"examples": (1,)}
    )
    model = Execution(2, "Trainer", "COMPLETE", {}, "r1", 2, 3, {"examples": (1,)}, {"model": (2,)})
    store = MemoryLineage(
        [execution, model], [Artifact(1, "Examples", "", "LIVE"), Artifact(2, "Model", "", "LIVE")]
    )
    (step, _) = trace(store, store.artifacts()[2]).back
    assert step.detail == {"fingerprint": "f", "files": ["a.jsonl"]}

"""What killed processes left is found in every place where Penstock makes temporaries, and ``clean`` removes it."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from foundation import temporaries
from pipeline.cli.main import main
from pipeline.document.loader import LoadedSpec, load
from pipeline.runs import leftovers
from tests.pipeline.conftest import DOCUMENT

CANARY = "ada.canary@example.org"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project in whose places killed processes left raw documents."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "system"))
    data = {**DOCUMENT["data"], "mongo_export": "exports/{SPAN}/*.jsonl"}
    infer = {"mongo_export": "exports/{SPAN}/*.jsonl", "to": "predictions"}
    document = {**DOCUMENT, "data": data, "infer": infer, "root": "root"}
    (tmp_path / "pipeline.yaml").write_text(yaml.safe_dump(document))
    export = tmp_path / "exports/1/a.jsonl"
    export.parent.mkdir(parents=True)
    export.write_text(json.dumps({"_id": 1}) + "\n")
    for place in (
        "quarantine/.ingestion.01234567.tmp/item-0.jsonl",
        "quarantine/.changes-0123456789ab/events-00",
        "quarantine/0123456789ab/.bad-0123456789abcdef0123456789abcdef.jsonl",
        "root/artifacts/MongoExampleGen/spans/.abc.01234567.tmp/Split-train/data.gz",
        "predictions/.predictions.jsonl.01234567.tmp",
        "system/.penstock-rows.01234567.tmp/age",
        "system/.penstock-upload.01234567.tmp/predictions.jsonl",
    ):
        file = tmp_path / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(CANARY)
    return tmp_path


def loaded(project: Path) -> LoadedSpec:
    return load([project / "pipeline.yaml"])


def holding(folder: Path) -> list[Path]:
    return [
        file for file in folder.rglob("*") if file.is_file() and CANARY in file.read_text(errors="replace")
    ]


def test_a_run_begins_without_them(project: Path) -> None:
    assert len(holding(project)) == len(leftovers.found(loaded(project), project / "root")) == 7
    leftovers.sweep(loaded(project), project / "root")
    assert holding(project) == []


def test_what_a_living_process_uses_stays(project: Path) -> None:
    leftovers.sweep(loaded(project), project / "root")
    for place in ("quarantine", "predictions", "system"):
        with temporaries.private_folder(project / place, "penstock-rows") as used:
            leftovers.sweep(loaded(project), project / "root")
            assert leftovers.remove(loaded(project), project / "root") == 0
            assert used.is_dir()


def test_clean_shows_and_removes_them(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = project / "quarantine/0123456789ab/bad-00000.jsonl"
    old.write_text(CANARY)
    os.utime(old, (time.time() - 31 * 86400,) * 2)
    assert main(["clean", "-f", str(project / "pipeline.yaml")]) == 0
    assert "and 7 leftovers of interrupted processes, would be removed" in capsys.readouterr().out
    assert len(holding(project)) == 8
    assert main(["clean", "-f", str(project / "pipeline.yaml"), "--yes"]) == 0
    assert "7 leftovers of interrupted processes, and 1 expired quarantine files" in capsys.readouterr().out
    assert holding(project) == []


@pytest.mark.parametrize("place", ["exports/.2.partial", ".penstock/export/0123456789abcdef/.2.partial"])
@pytest.mark.parametrize(("age", "goes"), [(31, True), (29, False)])
def test_an_abandoned_export_goes(
    project: Path, place: str, age: int, goes: bool, make_partial: Callable[[Path, int], Path]
) -> None:
    leftovers.sweep(loaded(project), project / "root")
    partial = make_partial(project / place, age)
    leftovers.sweep(loaded(project), project / "root")
    assert partial.is_dir(), "the same command can still resume it"
    leftovers.remove(loaded(project), project / "root")
    assert partial.is_dir() is not goes


def test_an_export_that_runs_stays(project: Path, make_partial: Callable[[Path, int], Path]) -> None:
    from pipeline.export.plan import held

    partial = make_partial(project / "exports/.2.partial", 31)
    with held(partial):
        os.utime(partial / ".lock", (time.time() - 31 * 86400,) * 2)
        assert leftovers.abandoned_exports(loaded(project)) == []


@pytest.fixture
def make_partial() -> Callable[[Path, int], Path]:
    """Makes an unfinished span that was last written some days ago."""

    def make(folder: Path, days: int) -> Path:
        folder.mkdir(parents=True)
        (folder / "data-00000.jsonl.gz").write_text(CANARY)
        (folder / ".lock").touch()
        for path in (*folder.iterdir(), folder):
            os.utime(path, (time.time() - days * 86400,) * 2)
        return folder

    return make

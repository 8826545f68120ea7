"""A bundle is the same byte for byte wherever and whenever it is compiled, and says all that a scheduler needs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from foundation.errors import DataError
from pipeline.bundle.compiling import compile_bundle
from pipeline.bundle.reading import Bundle, open_bundle
from pipeline.document.loader import load
from tests.side_by_side import importing

from .conftest import write_project

pytestmark = pytest.mark.component


def content(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle by the command, in another folder, process and zone, with another hash seed, user and time of the files."""
    folder = tmp_path_factory.mktemp("elsewhere") / "deep" / "down"
    document = write_project(folder)
    for file in folder.rglob("*"):
        os.utime(file, (1_000_000_000, 1_000_000_000))
    given = {"PYTHONHASHSEED": "77", "TZ": "Asia/Tokyo", "USER": "somebody", "PENSTOCK_ZYGOTE": "off"}
    given["PENSTOCK_PRIVACY_KEY"] = "ab" * 32
    command = [sys.executable, "-m", "pipeline.cli.main", "compile", "-f", str(document), "--to", "out"]
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **importing(), **given}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return folder / done.stdout.splitlines()[-1]


def test_the_same_commit_gives_the_same_bytes(compiled: Path, elsewhere: Path) -> None:
    assert elsewhere.name == compiled.name
    assert content(elsewhere) == content(compiled)


def test_no_path_of_the_machine_is_in_it(compiled: Path, home: Path) -> None:
    for name, data in content(compiled).items():
        assert str(home).encode() not in data, name
        assert b"/tmp/" not in data and b"penstock-bundle-" not in data, name


def test_a_secret_beside_the_document_is_not_in_it(compiled: Path) -> None:
    assert not any(b"very-secret" in data for data in content(compiled).values())


def test_compiling_again_changes_nothing(compiled: Path, home: Path) -> None:
    before = content(compiled)
    again = compile_bundle(load([home / "pipeline.yaml"]), compiled.parent)
    assert not again.new and content(compiled) == before


def test_the_sidecar_merges_the_settings_of_nodes(bundle: Bundle) -> None:
    trainer, transform = bundle.sidecar.node("Trainer"), bundle.sidecar.node("Transform")
    assert trainer and transform
    assert (trainer.retries, trainer.timeout, trainer.pool) == (1, 21600.0, "gpu")
    assert (trainer.resources.cpu, trainer.resources.memory, trainer.resources.gpu) == (1, "2Gi", 1)
    assert (transform.retries, transform.timeout, transform.resources.gpu) == (3, None, None)
    assert set(trainer.upstream) == {
        "MongoExampleGen",
        "ImportSchemaGen",
        "ValidationGate",
        "Transform",
        "Tuner",
    }


def test_the_sidecar_says_which_nodes_some_runs_skip(bundle: Bundle) -> None:
    optional = [node.id for node in bundle.sidecar.nodes if node.optional]
    assert optional == ["PreviousStatistics", "DistributionValidator"]
    assert {node.group for node in bundle.sidecar.nodes} == {"data", "model", "evaluation", "push"}


def test_the_sidecar_types_parameters_from_the_document(bundle: Bundle) -> None:
    steps, gates, dropout = bundle.sidecar.parameters
    assert (steps.types, steps.default, steps.minimum) == (("integer", "null"), 100, 1)
    assert "object" in gates.types and gates.default["auc"]["at_least"] == 0.7
    assert "number" in dropout.types


def test_the_sidecar_names_the_variable_of_the_webhook(bundle: Bundle) -> None:
    assert bundle.sidecar.production.on_failure is None
    assert bundle.sidecar.production.on_failure_env == "HOOK"


def test_nodes_come_after_those_that_they_need(bundle: Bundle) -> None:
    done: set[str] = set()
    for node in bundle.sidecar.nodes:
        assert done.issuperset(node.upstream)
        done.add(node.id)


@pytest.mark.parametrize("name", ["pipeline.json", "document.json", "code.zip", "bundle.json"])
def test_a_bundle_with_another_byte_is_refused(compiled: Path, tmp_path: Path, name: str) -> None:
    copy = shutil.copytree(compiled, tmp_path / compiled.name)
    data = (copy / name).read_bytes()
    (copy / name).write_bytes(data.replace(b"learners", b"learnerz") if name != "code.zip" else data + b" ")
    with pytest.raises(DataError, match=rf"file {name} of the bundle .*copy the whole folder again"):
        open_bundle(copy)


def test_a_bundle_without_a_file_is_refused(compiled: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(compiled, tmp_path / compiled.name)
    (copy / "code.zip").unlink()
    with pytest.raises(DataError, match=r"code.zip of the bundle .*seen: no such file"):
        open_bundle(copy / "pipeline.json")


def test_a_folder_that_is_no_bundle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="seen: another folder; remedy: name the folder that"):
        open_bundle(tmp_path)
    with pytest.raises(DataError, match="seen: no such folder"):
        open_bundle(tmp_path / "missing")


def test_a_newer_format_is_refused(compiled: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(compiled, tmp_path / compiled.name)
    sidecar = json.loads((copy / "bundle.json").read_text())
    (copy / "bundle.json").write_text(json.dumps({**sidecar, "format": 99}))
    with pytest.raises(DataError, match="use the newer Penstock that wrote it"):
        open_bundle(copy)

"""The DAG file that is written: Python as a linter wants it, which names no secret and leaves the bundle as it is."""

from __future__ import annotations

import ast
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from foundation.errors import SpecError
from pipeline.bundle.reading import digest_of
from pipeline.scheduling.airflow.exporter import AirflowExporter
from pipeline.scheduling.base import Options
from tests.pipeline.scheduling.bundles import bundle, sidecar

FULL = {
    "deadline": 28800.0,
    "on_failure_env": "HOOK",
    "retrain": {"on_export": True, "on_alarm": True, "new_labels": 500},
}
BARE = {"schedule": None, "start": None, "spans": False, "groups": False}
PYTHON = "/opt/penstock/bin/python"


def written(folder: Path, production: dict[str, Any], operator: str = "bash") -> str:
    made = bundle(folder / "bundles", sidecar(production))
    options = Options(operator, python=PYTHON if operator == "external_python" else "")
    file, *_, beside = AirflowExporter().write(made, folder / "dags", options)
    assert sorted(path.name for path in beside.iterdir()) == ["bundle.json", "pipeline.json"]
    return file.read_text()


@pytest.mark.parametrize("operator", list(AirflowExporter.operators))
@pytest.mark.parametrize("production", [FULL, BARE], ids=["everything", "nothing"])
def test_it_is_python_as_a_linter_wants_it(tmp_path: Path, production: dict[str, Any], operator: str) -> None:
    written(tmp_path, production, operator)
    ruff = [str(Path(sys.executable).with_name("ruff"))]
    alone = [
        "--isolated",
        "--line-length",
        "110",
        "--target-version",
        "py311",
        *(str(file) for file in (tmp_path / "dags").glob("*.py")),
    ]
    for check in (["check", "--select", "E4,E7,E9,F,I,B,UP"], ["format", "--diff"]):
        done = subprocess.run([*ruff, *check, *alone], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("operator", list(AirflowExporter.operators))
def test_it_imports_airflow_and_what_python_has(tmp_path: Path, operator: str) -> None:
    tree = ast.parse(written(tmp_path, FULL, operator))
    imported = {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    imported |= {alias.name for n in ast.walk(tree) if isinstance(n, ast.Import) for alias in n.names}
    others = {str(name).partition(".")[0] for name in imported} - set(sys.stdlib_module_names)
    assert others <= {"airflow", *({operator} & {"docker", "kubernetes"})}


def test_a_new_bundle_leaves_the_one_of_a_run_that_goes_on(tmp_path: Path) -> None:
    for digest in ("a" * 64, "b" * 64):
        made = bundle(tmp_path / "bundles", sidecar(digest=digest))
        AirflowExporter().write(made, tmp_path / "dags", Options())
    assert {"shop-" + "a" * 12, "shop-" + "b" * 12, "shop.py"} == {
        p.name for p in (tmp_path / "dags").iterdir()
    }
    assert "shop-" + "b" * 12 in (tmp_path / "dags/shop.py").read_text()


def test_continuous_training_that_is_no_longer_asked_for_ends(tmp_path: Path) -> None:
    retrain = {"on_export": True, "on_alarm": False, "new_labels": None}
    for number, production in enumerate([{"retrain": retrain}, {}]):
        made = bundle(tmp_path / str(number), sidecar(production, digest=str(number) * 64))
        AirflowExporter().write(made, tmp_path / "dags", Options())
        assert (tmp_path / "dags/shop_retrain.py").exists() == (number == 0)


def test_a_bundle_compiled_in_place_stays(tmp_path: Path) -> None:
    plain = sidecar(digest="")
    made = bundle(tmp_path, replace(plain, digest=digest_of(plain.text())))
    AirflowExporter().write(made, tmp_path, Options())
    assert (made.folder / "bundle.json").exists()


def test_a_file_of_a_person_is_neither_overwritten_nor_removed(tmp_path: Path) -> None:
    for name in ("shop.py", "shop_retrain.py"):
        (tmp_path / name).write_text("dag = ...")
    with pytest.raises(SpecError, match=r"shop\.py.*seen: another; remedy: rename it"):
        AirflowExporter().write(bundle(tmp_path / "b", sidecar()), tmp_path, Options())
    (tmp_path / "shop.py").unlink()
    AirflowExporter().write(bundle(tmp_path / "c", sidecar()), tmp_path, Options())
    assert (tmp_path / "shop_retrain.py").read_text() == "dag = ..."


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (Options("kubernets"), "did you mean 'kubernetes'"),
        (Options("external_python"), "--python"),
        (Options("docker"), r"production\.image"),
        (Options("kubernetes"), r"production\.image"),
    ],
    ids=["unknown", "no-python", "docker-without-image", "pod-without-image"],
)
def test_what_is_missing_is_said(tmp_path: Path, options: Options, said: str) -> None:
    with pytest.raises(SpecError, match=said):
        AirflowExporter().write(bundle(tmp_path / "b", sidecar(image=None)), tmp_path, options)


def test_pools_are_named_as_a_task_waits_for_one_that_is_not_there(tmp_path: Path) -> None:
    made = sidecar()
    nodes = tuple(n if n.id != "Trainer" else type(n)(**{**vars(n), "pool": "gpu"}) for n in made.nodes)
    notes = AirflowExporter().notes(bundle(tmp_path, sidecar(nodes=nodes)), Options())
    assert "airflow pools set gpu 1" in notes[0]

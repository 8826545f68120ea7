"""What proofs measure and how they judge, without a run; the whole of them are tried on the example."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from foundation.errors import DataError, SpecError
from pipeline.cli.main import app
from pipeline.proving import base, deployment, features
from pipeline.proving.base import Finding, Project

DOCUMENT = """
name: shop
data: {mongo_export: exports/*, label: y, fields: {x: {type: float}}}
features: {x: zscore}
evaluate: {metrics: [auc], gates: {auc: 0.6}}
"""


@pytest.fixture
def document(tmp_path: Path) -> Path:
    file = tmp_path / "pipeline.yaml"
    file.write_text(DOCUMENT)
    return file


def prove_with(monkeypatch: pytest.MonkeyPatch, *findings: Finding) -> None:
    monkeypatch.setattr(base, "proof", lambda name: lambda project: iter(findings))


@pytest.mark.parametrize("name", base.PROOFS)
def test_each_proof_of_the_list_is_a_command(name: str) -> None:
    assert callable(base.proof(name))
    done = CliRunner().invoke(app, ["test", name, "--help"])
    assert done.exit_code == 0


def test_findings_are_told_and_decide_the_exit_code(monkeypatch: pytest.MonkeyPatch, document: Path) -> None:
    good, bad = Finding("a", "1", "1", True), Finding("b", "1", "2", False)
    prove_with(monkeypatch, good)
    done = CliRunner().invoke(app, ["test", "artifacts", "-f", str(document)])
    assert (done.exit_code, done.stdout) == (0, "ok    a: 1; expected: 1\nartifacts: all 1 as expected.\n")
    prove_with(monkeypatch, good, bad)
    done = CliRunner().invoke(app, ["test", "artifacts", "-f", str(document), "--json"])
    assert done.exit_code == 1
    said = json.loads(done.stdout)
    assert (said["passed"], [one["passed"] for one in said["findings"]]) == (False, [True, False])


def test_a_proof_that_finds_nothing_has_not_passed(monkeypatch: pytest.MonkeyPatch, document: Path) -> None:
    prove_with(monkeypatch)
    assert CliRunner().invoke(app, ["test", "artifacts", "-f", str(document)]).exit_code == 1


def test_without_a_run_the_remedy_is_to_run(document: Path) -> None:
    project = Project([document])
    with pytest.raises(DataError, match="run 'penstock run' first, with the same --set"):
        project.newest(project.session())


def test_a_project_without_tests_or_examples_does_not_pass(document: Path) -> None:
    assert [one.passed for one in features.prove(Project([document]))] == [False]


def test_the_projects_own_tests_are_run(document: Path) -> None:
    tests = document.parent / "tests"
    tests.mkdir()
    (tests / "test_logic.py").write_text("def test_a(): assert 1 == 1\n")
    assert [one.passed for one in features.prove(Project([document]))] == [True]
    (tests / "test_logic.py").write_text("def test_a(): assert 1 == 2\n")
    found = list(features.prove(Project([document])))
    assert [one.passed for one in found] == [False]
    assert "1 failed" in found[0].measured


@pytest.mark.parametrize("text", ["- {in: {a: 1}}", "in: {}", "- 1"], ids=["no out", "no list", "a number"])
def test_examples_of_another_shape_are_refused(text: str, tmp_path: Path) -> None:
    file = tmp_path / "features.yaml"
    file.write_text(text)
    with pytest.raises(SpecError, match="a list of examples"):
        features._read(file)


@pytest.mark.parametrize(
    ("wanted", "seen", "passed"),
    [
        pytest.param(0.5, np.float32(0.500001), True, id="rounded"),
        pytest.param(0.5, np.float32(0.51), False, id="other"),
        pytest.param([0, 1], np.array([0, 1]), True, id="vector"),
        pytest.param([0, 1], np.array([0, 1, 0]), False, id="length"),
        pytest.param(1, None, False, id="no such feature"),
    ],
)
def test_a_feature_is_compared_by_value_and_shape(wanted: Any, seen: Any, passed: bool) -> None:
    assert features._compared("x", wanted, seen).passed is passed


def test_a_contract_may_grow_but_not_lose_or_change() -> None:
    old = {"a": SimpleNamespace(dtype="int64"), "b": SimpleNamespace(dtype="float32")}
    assert not list(deployment._lost("input", old, {**old, "c": SimpleNamespace(dtype="string")}))
    changed = {"a": SimpleNamespace(dtype="float32")}
    assert list(deployment._lost("input", old, changed)) == [
        "input a is float32, was int64",
        "input b is gone",
    ]

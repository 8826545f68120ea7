"""What differs between a document and a bundle is said in sentences, with the nodes that run for it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.bundle.difference import Difference, difference
from pipeline.bundle.reading import Bundle
from pipeline.cli.main import main
from pipeline.document.loader import load

from .conftest import write_project

pytestmark = pytest.mark.component  # the bundle is compiled


@pytest.fixture
def document(tmp_path: Path) -> Path:
    return write_project(tmp_path / "project")


def compare(document: Path, bundle: Bundle, *overrides: str) -> Difference:
    return difference(load([document], overrides), bundle)


def test_the_same_document_elsewhere_does_not_differ(document: Path, bundle: Bundle) -> None:
    found = compare(document, bundle)
    assert found.same and found.reruns == ()
    assert list(found.sentences()) == [f"Nothing differs from {bundle.folder.name}."]


def test_a_setting_is_named_with_both_values_and_what_runs(document: Path, bundle: Bundle) -> None:
    said = list(compare(document, bundle, "train.steps=50").sentences())
    assert said[0] == "train.steps is 50, in the bundle 100."
    assert "Trainer will run again: its settings and the new result of Tuner." in said
    assert not any(line.startswith(("Transform", "StatisticsGen")) for line in said)


def test_a_schedule_or_an_image_lets_no_node_run(document: Path, bundle: Bundle) -> None:
    said = list(compare(document, bundle, "production.schedule='@daily'", "production.image=x:2").sentences())
    assert said == [
        'production.schedule is "@daily", in the bundle "0 3 * * *".',
        'production.image is "x:2", in the bundle "registry/penstock:1".',
        "No node will run again for this: results of earlier runs of the same data stand.",
    ]


def test_changed_code_and_schema_are_named_by_their_files(document: Path, bundle: Bundle) -> None:
    (document.parent / "code" / "scaling.py").write_text("def scaled(inputs):\n    return {}\n")
    (document.parent / "schema.pbtxt").write_text('feature { name: "lessons" type: FLOAT }\n')
    found = compare(document, bundle)
    assert found.files == {"code/scaling.py": "changed", "schema.pbtxt": "changed"}
    reasons = {one.node: one.because for one in found.reruns}
    assert reasons["Transform"] == ("your own code",)


def test_a_changed_schema_makes_its_readers_run(document: Path, bundle: Bundle) -> None:
    (document.parent / "schema.pbtxt").write_text('feature { name: "lessons" type: FLOAT }\n')
    found = compare(document, bundle)
    assert {"ImportSchemaGen", "ExampleValidator", "Transform", "Trainer"} <= {o.node for o in found.reruns}
    assert "StatisticsGen" not in {one.node for one in found.reruns}


def test_nodes_that_come_and_go_are_named(document: Path, bundle: Bundle) -> None:
    found = compare(document, bundle, "tune=null", "train.warm_start=true")
    assert found.removed == ("Tuner",) and found.added == ("WarmStartModel",)
    assert "its inputs" in next(one.because for one in found.reruns if one.node == "Trainer")


def test_another_penstock_is_named(document: Path, bundle: Bundle) -> None:
    old = Bundle(bundle.folder, replace(bundle.sidecar, penstock="0.1.0", code="0" * 64))
    said = " ".join(compare(document, old).sentences())
    assert "0.1.0 compiled the bundle" in said and "Penstock's own code differs." in said


def test_the_command_prints_sentences_or_json(
    document: Path, bundle: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["plan", "-f", str(document), "--set", "train.steps=50", "--bundle", str(bundle.folder)]
    assert main(given) == 0
    assert "train.steps is 50, in the bundle 100." in capsys.readouterr().out
    assert main([*given, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["same"] is False
    assert found["settings"] == [{"key": "train.steps", "bundle": 100, "document": 50}]

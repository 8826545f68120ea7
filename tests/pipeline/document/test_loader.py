"""Loading: positions of values, all errors at once, the same object from YAML and Python."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from foundation.errors import StorageError
from pipeline.document import PipelineSpec, Position, SpecErrors, check, load

REPOSITORY = Path(__file__).resolve().parents[3]
EXAMPLES = sorted((REPOSITORY / "examples").glob("*/pipeline.yaml"))


def test_yaml_and_python_give_the_same_object(document: Path) -> None:
    built = PipelineSpec.model_validate(
        {
            "name": "learners",
            "data": {
                "mongo_export": "exports/{SPAN}/*.jsonl",
                "fields": {
                    "profile.country": "country",
                    "stats.lessons": {"to": "lessons", "type": "int"},
                    "stats.minutes": {"to": "minutes", "type": "float"},
                    "bio": {"type": "string"},
                    "seen_at": {"type": "date"},
                    "topics": {"list": True},
                },
                "label": "retained",
            },
            "features": {"country": {"vocabulary": 10}, "lessons": "zscore"},
            "evaluate": {"metrics": ["auc", "accuracy"], "slices": ["country"], "gates": {"auc": 0.7}},
        }
    )
    check(built)
    assert load([document]).spec == built


def test_canonical_json_round_trips(document: Path) -> None:
    spec = load([document]).spec
    assert PipelineSpec.model_validate_json(spec.canonical_json()) == spec


def test_a_document_knows_its_files(document: Path) -> None:
    loaded = load([document])
    assert loaded.folder == document.parent
    assert loaded.files == (document,)
    assert loaded.position("data", "label") == Position(str(document), 11, 10)
    assert loaded.raw["features"]["lessons"] == "zscore"


def test_all_errors_are_reported_at_once_with_their_positions(errors_of, right: str) -> None:
    text = (
        right.replace("label:", "lable:").replace("[auc, accuracy]", "auc")
        + "trian: {steps: 3}\npush: {keep_versions: 0}\n"
    )
    lines = errors_of(text).splitlines()
    assert lines == [
        "pipeline.yaml:2:1: data.label: this key is missing; expected name of the feature that the model learns to predict",
        "pipeline.yaml:11:3: data.lable: unknown key 'lable'; did you mean 'label'?",
        "pipeline.yaml:16:12: evaluate.metrics: expected a list; seen: 'auc'; write [auc]",
        "pipeline.yaml:19:1: trian: unknown key 'trian'; did you mean 'train'?",
        "pipeline.yaml:20:1: push.to: this key is missing; expected folder that holds the numbered versions, relative to "
        "the document's folder, or a place in a store: s3:// or gs://",
        "pipeline.yaml:20:23: push.keep_versions: expected at least 1; seen: 0",
    ]


def test_contradictions_are_found_despite_broken_sections(errors_of, right: str) -> None:
    message = errors_of(right.replace("gates: {auc: 0.7}", "gates: {recall: 0.7}") + "train: {steps: many}\n")
    assert "18:11: evaluate.gates.recall: a gate on 'recall', which is not computed" in message
    assert "19:16: train.steps: expected a whole number; seen: 'many'" in message


def test_a_broken_section_causes_no_follow_up_errors(errors_of, right: str) -> None:
    lines = errors_of(
        right.replace("lessons: zscore", "lessons: zscor").replace("[country]", "[lessons]")
    ).splitlines()
    assert lines == ["pipeline.yaml:14:12: features.lessons: unknown key 'zscor'; did you mean 'zscore'?"]


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("train.steps", "yes", "expected a whole number; seen: 'yes'"),
        ("train.steps", "true", "expected a whole number; seen: true"),
        ("train.steps", "1.5", "expected a whole number; seen: 1.5"),
        ("train.learning_rate", "'1e-3'", "expected a number; seen: '1e-3'; write it without quotes"),
        ("train.learning_rate", "0", "expected more than 0; seen: 0"),
        ("train.warm_start", "on", "expected true or false; seen: 'on'"),
        ("data.label", "5", "expected text; seen: 5; put it in quotes"),
        ("data.span", "last", "expected a whole number or 'latest'; seen: 'last'; did you mean 'latest'?"),
        ("model.task", "binry", "did you mean 'binary'?"),
        ("model.hidden", "64", "expected a list; seen: 64"),
        ("name", "Learners", "expected lower case letters, digits and underscores, starting with a letter"),
        ("evaluate.gates", "nnoe", "or 'none'; seen: 'nnoe'; did you mean 'none'?"),
        ("evaluate.gates", "{auc: {at_lest: 1}}", "unknown key 'at_lest'; did you mean 'at_least'?"),
        ("evaluate.slices", "[3]", "evaluate.slices[0]: expected text or a list; seen: 3"),
        (
            "features.lessons",
            "[zscore, {buckets: 1}]",
            "features.lessons[1].buckets: expected at least 2; seen: 1",
        ),
        (
            "infra_validation",
            "true",
            "infra_validation: expected a mapping (key: value) or false; seen: true",
        ),
        ("infra_validation", "{exmples: 3}", "unknown key 'exmples'; did you mean 'examples'?"),
        ("infra_validation.gates.latency_p99_ms", "-4", "expected more than 0; seen: -4"),
        (
            "infra_validation.gates.memory_mb",
            "{not_worse_than_blessed_by: '20'}",
            "a share such as 20%; seen: '20'",
        ),
        ("data.bad_documents.fail_above", "x%", "give a share such as 0.1% or 0.001; seen: 'x%'"),
        ("train.class_weights", "{0: heavy}", "train.class_weights.0: expected a number; seen: 'heavy'"),
        (
            "run",
            "null",
            "expected a mapping (key: value); seen: nothing (null); leave the key out for its default",
        ),
    ],
)
def test_wrong_types_are_described_in_plain_words(errors_with, key: str, value: str, expected: str) -> None:
    message = errors_with(f"{key}={value}")
    assert message.startswith("--set ")
    assert expected in message


def test_errors_use_the_names_of_the_document(errors_with) -> None:
    message = errors_with("validate.on_anomaly=sotp", "schema=3", "schema_file=x")
    assert "validate.on_anomaly: expected 'stop' or 'warn'" in message
    assert "--set schema: expected text; seen: 3" in message
    assert "unknown key 'schema_file'; did you mean 'schema'?" in message


@pytest.mark.parametrize(
    "server",
    [
        "{host: h, database: d, user: u, password: hunter2}",
        "{host: h, database: d, user: u, password_env: 'hunter2!'}",
        "{host: h, database: d, user: {password: hunter2}}",
        "{host: 'x://u:hunter2@h', database: d, user: 3}",
    ],
)
def test_a_secret_is_never_echoed(errors_with, server: str) -> None:
    message = errors_with(f"metadata.mysql={server}")
    assert "hunter2" not in message


def test_the_error_for_a_password_in_the_document_says_where_it_belongs(errors_with) -> None:
    assert "password_env" in errors_with("metadata.mysql={host: h, database: d, user: u, password: hunter2}")


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(SpecErrors, match=r"nowhere.yaml:1:1: there is no such file; check the path"):
        load([tmp_path / "nowhere.yaml"])


def test_a_folder_is_not_a_document(tmp_path: Path) -> None:
    with pytest.raises(SpecErrors, match="this is a folder"):
        load([tmp_path])


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_unreadable_file(document: Path) -> None:
    document.chmod(0)
    with pytest.raises(StorageError, match="permission"):
        load([document])


def test_no_document_given() -> None:
    with pytest.raises(SpecErrors, match="no document given"):
        load([])


@pytest.mark.parametrize("path", EXAMPLES, ids=[path.parent.name for path in EXAMPLES])
def test_examples_load(path: Path) -> None:
    assert load([path]).spec.name == path.parent.name


def test_loading_is_quick_because_it_imports_little(document: Path) -> None:
    code = (
        "import sys; before = set(sys.modules); from pathlib import Path; from pipeline.document import load;"
        "load([Path(sys.argv[1])]); print(*{m.partition('.')[0] for m in set(sys.modules) - before})"
    )
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-c", code, str(document)]
    imported = set(subprocess.check_output(command, env=environment, text=True).split())
    others = {name for name in imported - sys.stdlib_module_names if not name.startswith("_")}
    pydantic = {"pydantic", "pydantic_core", "annotated_types", "typing_extensions", "typing_inspection"}
    assert others <= {"foundation", "components", "pipeline", "yaml", "cython_runtime", *pydantic}

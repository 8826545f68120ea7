"""The JSON Schema accepts and refuses the same documents as the loader, including short forms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from foundation.document.json_schema import DIALECT, schema_text
from foundation.document.reader import read_text
from pipeline.document import PipelineSpec
from pipeline.document.json_schema import document_schema

jsonschema = pytest.importorskip("jsonschema")
REPOSITORY = Path(__file__).resolve().parents[3]
EXAMPLES = sorted((REPOSITORY / "examples").glob("*/pipeline.yaml"))


@pytest.fixture(scope="module")
def validator() -> Any:
    schema = document_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def problems(validator: Any, text: str) -> list[str]:
    return [error.json_path for error in validator.iter_errors(read_text(text, "f").plain())]


def test_every_key_is_described() -> None:
    schema = document_schema()
    assert schema["$schema"] == DIALECT
    for name, model in {"document": schema, **schema["$defs"]}.items():
        for key, value in model.get("properties", {}).items():
            assert value.get("description"), f"{name}.{key}"


def test_text_is_the_same_every_time() -> None:
    assert schema_text(document_schema()) == schema_text(document_schema())
    assert yaml.safe_load(schema_text(document_schema())) == document_schema()


@pytest.mark.parametrize("path", EXAMPLES, ids=[path.parent.name for path in EXAMPLES])
def test_examples_are_valid(validator: Any, path: Path) -> None:
    assert problems(validator, path.read_text(encoding="utf-8")) == []


SHORT_FORMS = [
    "data: {mongo_export: x, label: y, fields: {a: b, c: , d: {to: e}}, bad_documents: {fail_above: 0.1%}}",
    "features: {a: zscore, b: {vocabulary: 5}, c: [{bag: {top_k: 3}}, missing, text], d: {buckets: 3}}",
    "features: features.py:preprocessing_fn",
    "features: {preprocessing_fn: features.py:f}",
    "model: model.py:build_model",
    "model: {positive: 'yes', hidden: [3]}",
    "evaluate: {metrics: [auc], gates: none, slices: [a, [a, b]]}",
    "evaluate: {metrics: [auc], gates: {auc: 0.5, recall: {at_least: 1}}}",
    "tune: {search: {hidden: [[3], [4, 5]], dropout: {min: 0, max: 0.5}}}",
    "train: {early_stopping: null, class_weights: {0: 1, 1: 2.5}}",
    "{values: {n: 3, m: [1]}, train: {batch_size: '${n}', warm_start: '${n}'}, model: {hidden: '${m}'}}",
    "schema: schema/x.pbtxt",
]

RIGHT = {
    "name": "x",
    "data": {"mongo_export": "x", "label": "y"},
    "features": {"a": "zscore"},
    "evaluate": {"metrics": ["auc"], "gates": "none"},
}


@pytest.mark.parametrize("text", SHORT_FORMS)
def test_short_forms_are_valid(validator: Any, text: str) -> None:
    document = {**RIGHT, **read_text(text, "f").plain()}
    assert [error.message for error in validator.iter_errors(document)] == []
    if "values" not in document:
        PipelineSpec.model_validate(document, strict=True)


@pytest.mark.parametrize(
    "text",
    [
        "nmae: x",
        "schema_file: x",
        "train: {steps: many}",
        "train: {steps: 0}",
        "train: {stps: 1}",
        "features: {a: zscor}",
        "features: {a: {zscore: true, buckets: 3}}",
        "features: {a: {vocabulary: {top: 3}}}",
        "features: features.py",
        "model: {task: binry}",
        "evaluate: {metrics: [], gates: none}",
        "evaluate: {metrics: [auc], gates: nothing}",
        "data: {mongo_export: x}",
        "values: {'a b': 1}",
    ],
)
def test_what_the_loader_refuses_is_invalid(validator: Any, text: str) -> None:
    assert list(validator.iter_errors({**RIGHT, **read_text(text, "f").plain()}))

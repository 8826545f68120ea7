"""A bundle's document is the one that was compiled, and can be checked again with the values of a run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.bundle.compiling import document_text
from pipeline.document.loader import load
from pipeline.document.models import PipelineSpec

from .conftest import DOCUMENT, write_project

REST = "label: kept}\nfeatures: {b: zscore, a: {vocabulary: 5}}\nevaluate: {metrics: [auc], gates: none}\n"
DOCUMENTS = {
    "without spans": "name: x\ndata: {mongo_export: d.jsonl, " + REST,
    "a query": "name: x\ndata: {bigquery: {query: q, project: p, temp_location: 'gs://b/t'}, split: {by: u}, "
    + REST,
    "short forms": "name: x\ndata: {mongo_export: d.jsonl, bad_documents: {fail_above: 1%}, " + REST,
    "switched off": "name: x\ninfra_validation: false\ntrain: {early_stopping: null}\ndata: {mongo_export: d, "
    + REST,
    "own code": DOCUMENT,
}


@pytest.mark.parametrize("text", DOCUMENTS.values(), ids=list(DOCUMENTS))
def test_a_document_is_read_as_it_was_and_takes_values(tmp_path: Path, text: str) -> None:
    document = write_project(tmp_path)
    document.write_text(text)
    spec = load([document]).spec
    written = tmp_path / "document.json"
    written.write_text(document_text(spec))
    read = PipelineSpec.model_validate(json.loads(document_text(spec)))
    assert read == spec and read.model_fields_set == spec.model_fields_set
    assert list(read.features.declared) == list(spec.features.declared)
    changed = load([written], ["train.batch_size=32"]).spec
    assert changed == load([document], ["train.batch_size=32"]).spec

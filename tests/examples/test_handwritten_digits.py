"""The second example: a public data set, written as MongoDB exports it."""

from __future__ import annotations

import gzip
import importlib.util
import json
from pathlib import Path

import yaml

from pipeline.document.models import PipelineSpec

FOLDER = Path(__file__).parents[2] / "examples" / "handwritten_digits"


def test_committed_export_comes_from_scikit_learn(tmp_path):
    spec = importlib.util.spec_from_file_location("handwritten_digits_export", FOLDER / "export.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.main(tmp_path / "digits.json.gz")
    committed = gzip.decompress((FOLDER / "exports" / "digits.json.gz").read_bytes())
    assert gzip.decompress((tmp_path / "digits.json.gz").read_bytes()) == committed


def test_export_is_one_json_array_of_scans():
    scans = json.loads(gzip.decompress((FOLDER / "exports" / "digits.json.gz").read_bytes()))
    assert len(scans) == 1797
    assert all(len(scan["scan"]["pixels"]) == 64 for scan in scans)
    assert {scan["digit"] for scan in scans} == set(range(10))


def test_document_is_valid_and_short():
    text = (FOLDER / "pipeline.yaml").read_text()
    spec = PipelineSpec.model_validate(yaml.safe_load(text))
    assert spec.model.task == "multiclass"
    assert len(text.splitlines()) < 40

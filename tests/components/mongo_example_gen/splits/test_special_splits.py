"""Splits by time and within strata, and the privacy policy, through the whole ingestion."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.exports.fields import FieldConfig
from components.exports.source import resolve
from components.mongo_example_gen.config import DataConfig

pytestmark = pytest.mark.component

Ingest = Callable[..., dict[str, Any]]


def _document(n: int) -> dict[str, Any]:
    document: dict[str, Any] = {
        "_id": f"p{n}@example.org",
        "y": n % 10 == 0,
        "city": f"c{n % 3}",
        "user": n // 4,
    }
    return document | ({"at": {"$date": f"2024-{1 + n % 12:02d}-15T00:00:00Z"}} if n % 100 else {})


@pytest.fixture
def ingest_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ingest:
    """Ingests 1,200 documents with further settings of ``data``; returns the report."""
    import apache_beam as beam

    from components.mongo_example_gen.ingest import ingest
    from components.mongo_example_gen.plan import make_plan
    from components.mongo_example_gen.reading import Request

    monkeypatch.setenv("PENSTOCK_PRIVACY_KEY", "0123456789abcdef")
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(_document(n)) + "\n" for n in range(1200)))

    def run(name: str, **data: Any) -> dict[str, Any]:
        config = DataConfig.model_validate({"mongo_export": "a.jsonl", "label": "y", **data})
        plan = make_plan(config, {f: FieldConfig() for f in ("y", "city", "user", "at")}, True)
        request = Request(config, plan, resolve("a.jsonl", tmp_path), tmp_path, tmp_path / f"root/{name}")
        return ingest(request, lambda: beam.Pipeline(runner="FnApiRunner"))

    return run


def test_documents_are_split_by_date_and_left_out_without_one(ingest_with: Ingest) -> None:
    bounds = {"field": "at", "train_before": "2024-10-01", "test_from": "2024-11-01T00:00:00Z"}
    report = ingest_with("1", split={"by_time": bounds})
    months = [1 + n % 12 for n in range(1200) if n % 100]
    assert report["splits"] == {
        "train": sum(m < 10 for m in months),
        "validation": sum(m == 10 for m in months),
        "test": sum(m > 10 for m in months),
    }
    assert report["filtered"] == {"no date to split by": 12} and report["split_by"] == "time: at"


def test_strata_have_exact_shares(ingest_with: Ingest) -> None:
    report = ingest_with("1", split={"stratify": "y"})
    assert report["splits"] == {"train": 840, "validation": 120, "test": 240}
    assert report["split_by"] == "_id, stratified by y"


def test_rotating_the_key_moves_nobody(
    ingest_with: Ingest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rules = {"privacy": {"rules": {"user": "hash", "_id": "hash"}}, "split": {"by": "user"}}
    one = ingest_with("1", **rules)
    monkeypatch.setenv("PENSTOCK_PRIVACY_KEY", "fedcba9876543210")
    other = ingest_with("2", **rules)
    plain = ingest_with("3", split={"by": "user"})
    assert one["splits"] == other["splits"] == plain["splits"]
    assert one["privacy"]["key_id"] != other["privacy"]["key_id"]
    said = (tmp_path / "root/1/ingestion.json").read_text()
    assert "0123456789abcdef" not in said and "@example.org" not in said


def test_groups_and_suspicions_are_in_the_report(ingest_with: Ingest, tmp_path: Path) -> None:
    privacy = ingest_with("1", privacy={"quasi_identifiers": ["city"], "k": 5})["privacy"]
    assert privacy["anonymity"]["overall"] == {
        "rows": 1200,
        "groups": 3,
        "smallest": 400,
        "rows_below_k": 0,
        "share": 0.0,
    }
    assert set(privacy["anonymity"]["splits"]) == {"train", "validation", "test"}
    assert [found["feature"] for found in privacy["suspected"]] == ["_id"]
    assert sorted(p.name for p in (tmp_path / "root/1").iterdir())[-1] == "ingestion.json"

"""Archives, Parquet, compressed and change exports through whole ingestions on Beam: every document accounted for."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.exports.fields import FieldConfig
from components.exports.source import resolve
from components.mongo_example_gen.config import DataConfig
from components.mongo_example_gen.plan import make_plan

pytestmark = pytest.mark.component
Ingest = Callable[..., dict[str, Any]]
DOCUMENTS = [{"_id": f"d{i}", "n": i, "y": i % 2} for i in range(300)]


@pytest.fixture
def ingested(tmp_path: Path) -> Ingest:
    """Ingests what lies in ``export/``; returns the report."""
    import apache_beam as beam

    from components.mongo_example_gen.ingest import ingest
    from components.mongo_example_gen.reading import Request

    def run(**data: Any) -> dict[str, Any]:
        config = DataConfig.model_validate({"mongo_export": "export/*", "label": "y", **data})
        source = resolve(config.mongo_export, tmp_path)
        plan = make_plan(config, {"n": FieldConfig(type="int"), "y": FieldConfig()}, True)
        request = Request(config, plan, source, tmp_path, tmp_path / "out")
        return ingest(request, lambda: beam.Pipeline(runner="FnApiRunner"))

    (tmp_path / "export").mkdir()
    return run


def _balanced(report: dict[str, Any]) -> dict[str, int]:
    found = report["documents"]
    superseded = found.get("superseded", 0)
    assert found["read"] == found["accepted"] + found["quarantined"] + found["filtered"] + superseded
    return {
        name: found.get(name, 0) for name in ("read", "accepted", "quarantined", "filtered", "superseded")
    }


def test_zstd_gives_the_splits_of_plain_lines(tmp_path: Path, ingested: Ingest) -> None:
    lines = b"".join(json.dumps(d).encode() + b"\n" for d in DOCUMENTS)
    (tmp_path / "export" / "a").write_bytes(lines)
    plain = ingested()
    (tmp_path / "export" / "a").write_bytes(pa.compress(lines, codec="zstd", asbytes=True))
    assert ingested()["splits"] == plain["splits"]
    assert sum(plain["splits"].values()) == 300


def test_parquet_gives_the_splits_of_plain_lines(tmp_path: Path, ingested: Ingest) -> None:
    pq.write_table(pa.Table.from_pylist(DOCUMENTS), tmp_path / "export" / "a", row_group_size=64)
    parquet = ingested()
    (tmp_path / "export" / "a").write_text("".join(json.dumps(d) + "\n" for d in DOCUMENTS))
    assert ingested()["splits"] == parquet["splits"]
    assert parquet["input"]["format"] == "parquet"


def test_changes_give_the_splits_of_what_they_leave(tmp_path: Path, ingested: Ingest) -> None:
    def event(time: int, kind: str, d: dict[str, Any]) -> str:
        found = {
            "operationType": kind,
            "documentKey": {"_id": d["_id"]},
            "clusterTime": {"$timestamp": {"t": time, "i": 1}},
        }
        return json.dumps({**found, "fullDocument": d} if kind == "insert" else found)

    old = [event(1, "insert", {**d, "n": -1}) for d in DOCUMENTS]
    new = [event(2, "insert", d) for d in DOCUMENTS]
    gone = [{"_id": f"gone{i}", "n": 1, "y": 1} for i in range(20)]
    events = old + new + [event(3, "insert", d) for d in gone] + [event(4, "delete", d) for d in gone]
    random.Random(1).shuffle(events)
    (tmp_path / "export" / "a").write_text("\n".join([*events, "{broken"]) + "\n")
    report = ingested(changes={}, bad_documents={"fail_above": 0.1})
    counts = {"read": 641, "accepted": 300, "quarantined": 1, "filtered": 20, "superseded": 320}
    assert _balanced(report) == counts
    assert not list((tmp_path / "quarantine").glob(".changes-*"))
    (tmp_path / "export" / "a").write_text("".join(json.dumps(d) + "\n" for d in DOCUMENTS))
    assert ingested()["splits"] == report["splits"]


def test_empty_files_and_diverted_documents_are_reported(tmp_path: Path, ingested: Ingest) -> None:
    (tmp_path / "export" / "a").write_text("".join(json.dumps(d) + "\n" for d in DOCUMENTS))
    (tmp_path / "export" / "empty").write_bytes(b"")
    folder = tmp_path / "atlas-data-lake-1" / "out-error-docs"
    folder.mkdir(parents=True)
    (folder / "1.json").write_text("{}")
    report = ingested()
    assert report["input"]["empty_files"] == ["export/empty"]
    assert report["diverted"]["folders"] == [{"path": str(folder), "files": 1}]

"""Reading change events: folded where only their owner can look, and gone afterwards."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from components.exports.blocks import recognise_all
from components.exports.fields import FieldConfig
from components.exports.source import resolve
from components.mongo_example_gen.config import DataConfig
from components.mongo_example_gen.plan import make_plan


@pytest.mark.component
def test_folded_events_are_private_and_bad_ones_are_kept(tmp_path: Path) -> None:
    from components.mongo_example_gen.reading import Request, _last_states

    lone = {"operationType": "update", "documentKey": {"_id": 2}, "updateDescription": {"updatedFields": {}}}
    (tmp_path / "e.jsonl").write_text(f'{{"_id": 1, "y": 1}}\n{json.dumps(lone)}\n')
    config = DataConfig.model_validate({"mongo_export": "e.jsonl", "label": "y", "changes": {}})
    plan = make_plan(config, {"y": FieldConfig()}, True)
    request = Request(config, plan, resolve("e.jsonl", tmp_path), tmp_path, tmp_path / "out")
    work = tmp_path / "quarantine/.ingestion.01234567.tmp"
    known = recognise_all([(tmp_path / "e.jsonl", "e.jsonl")], "auto")
    folded, bad = _last_states(request, known, work)
    assert (work / "changes").stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in work.rglob("*") if file.is_file()} == {0o600}
    assert json.loads(folded.known[0][0].read_bytes()) == {"_id": 1, "y": 1}
    assert {json.loads((work / name).read_text()).get("reason") for name in bad} == {
        "update without the document before it",
        None,
    }

"""Quarantined files: when they expire, and how fixed ones are read again."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from components.exports.source import resolve
from components.mongo_example_gen.notices import notices
from components.mongo_example_gen.quarantine import expire, workplace
from components.mongo_example_gen.result import Ingestion

DAY = 86400


def _file(folder: Path, name: str, age_days: float) -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text('{"_id": 1}\n')
    os.utime(file, (time.time() - age_days * DAY,) * 2)
    return file


def test_only_our_own_old_files_are_removed(tmp_path: Path) -> None:
    old = [_file(tmp_path, f"{'a' * 12}/bad-00000.{end}", 31) for end in ("jsonl", "index.jsonl")]
    young = _file(tmp_path, f"{'b' * 12}/bad-00000.bson", 29)
    others = [_file(tmp_path, "mine/bad-00000.jsonl", 99), _file(tmp_path, f"{'a' * 12}/notes.txt", 99)]
    assert expire(tmp_path, 30) == 2
    assert not any(file.exists() for file in old)
    assert all(file.exists() for file in (young, *others))


def test_files_being_read_or_without_expiry_are_kept(tmp_path: Path) -> None:
    file = _file(tmp_path, f"{'a' * 12}/bad-00000.jsonl", 99)
    assert expire(tmp_path, None) == expire(tmp_path, 30, {file}) == expire(tmp_path / "none", 30) == 0
    assert expire(tmp_path, 30) == 1 and not file.parent.exists()


@pytest.mark.parametrize("days", [None, 30])
def test_what_killed_ingestions_left_goes_whatever_its_age(tmp_path: Path, days: int | None) -> None:
    left = [
        _file(tmp_path, ".ingestion.0123abcd.tmp/changes/events-00", 0),
        _file(tmp_path, f".changes-{'0' * 12}/events-00", 0),
        _file(tmp_path, f"{'a' * 12}/.bad-{'f' * 32}.jsonl", 0),
    ]
    kept = _file(tmp_path, f"{'a' * 12}/bad-00000.jsonl", 0), _file(tmp_path, ".changes-mine/notes", 0)
    with workplace(tmp_path) as work:
        (work / "item-0.jsonl").write_text("{}")
        assert expire(tmp_path, days) == 0
        assert not any(file.exists() for file in left)
        assert all(file.exists() for file in (*kept, work / "item-0.jsonl"))
    assert not work.exists()


def test_the_workplace_leaves_nothing(tmp_path: Path) -> None:
    with workplace(tmp_path / "quarantine") as work:
        assert [place.stat().st_mode & 0o777 for place in (work, work.parent)] == [0o700, 0o700]
    assert not any(tmp_path.iterdir())


def test_expired_files_are_reported() -> None:
    assert notices(Ingestion(quarantine_expired=2)) == ["2 quarantined files were too old and were removed"]


def test_a_quarantine_folder_is_an_export_without_its_index(tmp_path: Path) -> None:
    file = _file(tmp_path, "quarantine/0123456789ab/bad-00000.jsonl", 0)
    _file(tmp_path, "quarantine/0123456789ab/bad-00000.index.jsonl", 0)
    found = resolve("quarantine/0123456789ab", tmp_path)
    assert found.absolute_paths(tmp_path) == [file]


@pytest.mark.component
def test_fixed_documents_are_read_beside_the_export(tmp_path: Path) -> None:
    """A mended file that is put beside the export is read with it, each document once, on the side of its key."""
    lines = [json.dumps({"_id": f"d{n}", "y": n % 2}) for n in range(200)]
    (tmp_path / "export").mkdir()
    (tmp_path / "export/a.jsonl").write_text("\n".join([*lines, '{"_id": "late", "y": 1']) + "\n")
    assert _ingest(tmp_path, 1)["documents"]["quarantined"] == 1
    (bad,) = (tmp_path / "quarantine").glob("*/bad-00000.jsonl")
    (tmp_path / "export/mended.jsonl").write_text(bad.read_text().strip() + "}\n")
    documents = _ingest(tmp_path, 2)["documents"]
    assert (documents["read"], documents["accepted"], documents["quarantined"]) == (202, 201, 1)


def _ingest(folder: Path, execution: int) -> dict[str, Any]:
    import apache_beam as beam

    from components.exports.fields import FieldConfig
    from components.mongo_example_gen.config import DataConfig
    from components.mongo_example_gen.ingest import ingest
    from components.mongo_example_gen.plan import make_plan
    from components.mongo_example_gen.reading import Request

    config = DataConfig.model_validate(
        {"mongo_export": "export", "label": "y", "bad_documents": {"fail_above": 0.1}}
    )
    plan = make_plan(config, {"y": FieldConfig()}, True)
    request = Request(config, plan, resolve("export", folder), folder, folder / f"root/{execution}")
    return ingest(request, lambda: beam.Pipeline(runner="FnApiRunner"))

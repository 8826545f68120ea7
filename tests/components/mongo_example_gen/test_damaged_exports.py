"""Damaged exports through a whole ingestion: what was lost is counted, and the bytes of the files are accounted for."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from components.exports.formats.base import Block, FileFormat, Part
from components.exports.source import resolve
from components.mongo_example_gen.quarantine import QuarantineWriter
from foundation.errors import DataError

CASES = Path(__file__).parents[2] / "cases" / "exports"


def _ingest(folder: Path, export: str, **settings: Any) -> dict[str, Any]:
    import apache_beam as beam

    from components.exports.fields import FieldConfig
    from components.mongo_example_gen.config import DataConfig
    from components.mongo_example_gen.ingest import ingest
    from components.mongo_example_gen.plan import make_plan
    from components.mongo_example_gen.reading import Request

    config = DataConfig.model_validate({"mongo_export": export, "label": "y", "bad_documents": settings})
    plan = make_plan(config, {"v": FieldConfig(type="int"), "y": FieldConfig()}, True)
    request = Request(config, plan, resolve(export, folder), folder, folder / "root" / "1")
    return ingest(request, lambda: beam.Pipeline(runner="FnApiRunner"))


@pytest.mark.component
@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("one_stray_quote.csv", 0),
        ("two_stray_quotes.csv", 0),
        ("backslash_quotes.csv", 2),
        ("array_two_stray_quotes.json", 2),
    ],
)
def test_stray_quotes_lose_only_their_own_rows(tmp_path: Path, name: str, bad: int) -> None:
    shutil.copy(CASES / name, tmp_path)
    report = _ingest(tmp_path, name)
    documents = report["documents"]
    assert (documents["read"], documents["accepted"], documents["quarantined"]) == (2000, 2000 - bad, bad)
    said = json.loads((tmp_path / "root/1/ingestion.json").read_text())["bytes"]
    assert said["read"] == (CASES / name).stat().st_size
    assert said["read"] == said["documents"] + said.get("quarantined", 0) + said["between"]


@pytest.mark.component
def test_damage_that_takes_many_documents_stops_the_run(tmp_path: Path) -> None:
    lines = [b'{"_id":%d,"v":%d,"y":%d}' % (i, i, i % 2) for i in range(2000)]
    swallowed = b"\xff".join(lines[500:900])  # their line ends are gone
    (tmp_path / "e.json").write_bytes(b"\n".join([*lines[:500], swallowed, *lines[900:]]))
    with pytest.raises(
        DataError, match=r"seen: 1 \(0\.062%\).*by their bytes they are about (39|40)\d documents"
    ):
        _ingest(tmp_path, "e.json", fail_above=0.01)


def test_a_quarantined_csv_has_its_header_as_it_was(tmp_path: Path) -> None:
    header = ("_id", "a,b", 'c "d"', "e\nf")
    block = Block([b"1,2"], 30, [30], header)
    writer = QuarantineWriter(tmp_path, True)
    writer.add(Part("x", "x", FileFormat("csv")), block, [(0, "column count differs from the header")])
    (name,) = (name for name in writer.close() if name.endswith(".csv"))
    assert (tmp_path / name).read_bytes() == b'_id,"a,b","c ""d""","e\nf"\n1,2\n'

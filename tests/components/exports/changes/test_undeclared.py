"""Changes that are read as documents are refused, wherever in the export they are and whatever its format is."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.exports.blocks import plan_items, read_part, recognise_all
from components.exports.changes.undeclared import refuse_changes
from foundation.errors import DataError
from tests.components.exports.test_archive import archive

Documents = list[dict[str, Any]]


def _lines(path: Path, documents: Documents) -> None:
    path.write_text("".join(json.dumps(one) + "\n" for one in documents))


def _columns(documents: Documents) -> dict[str, list[Any]]:
    names = list(dict.fromkeys(name for one in documents for name in one))
    return {name: [one.get(name) for one in documents] for name in names}


def _csv(path: Path, documents: Documents) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(_columns(documents)))
        writer.writeheader()
        writer.writerows(documents)


FORMATS: dict[str, Callable[[Path, Documents], Any]] = {
    "lines": _lines,
    "gz": lambda path, ds: path.write_bytes(
        gzip.compress("".join(json.dumps(d) + "\n" for d in ds).encode())
    ),
    "array": lambda path, ds: path.write_text(json.dumps(ds)),
    "pretty": lambda path, ds: path.write_text("".join(json.dumps(d, indent=1) + "\n" for d in ds)),
    "csv": _csv,
    "bson": lambda path, ds: path.write_bytes(b"".join(map(bson.encode, ds))),
    "archive": lambda path, ds: path.write_bytes(archive({"users": ds})),
    "parquet": lambda path, ds: pq.write_table(pa.table(_columns(ds)), path),
}


def check(path: Path) -> None:
    for item in plan_items(recognise_all([(path, path.name)], "auto")):
        for part in item.parts:
            for block in read_part(part):
                refuse_changes(block, part)


@pytest.mark.parametrize("write", FORMATS.values(), ids=FORMATS)
@pytest.mark.parametrize(
    "change",
    [{"__deleted": "true"}, {"__deleted": "false"}, {"__deleted": True}, {"__op": "d"}, {"__op": "c"}],
    ids=str,
)
def test_one_change_among_documents_is_found(tmp_path: Path, write: Any, change: dict[str, Any]) -> None:
    documents = [{"_id": n, "v": str(n)} for n in range(300)]
    write(tmp_path / "e", [*documents[:200], {"_id": 7, "v": "x", **change}, *documents[200:]])
    with pytest.raises(DataError, match=r"export file e; expected documents.*'changes: \{\}' under data"):
        check(tmp_path / "e")


@pytest.mark.parametrize("write", FORMATS.values(), ids=FORMATS)
def test_documents_that_only_mention_such_a_field_are_read(tmp_path: Path, write: Any) -> None:
    write(tmp_path / "e", [{"_id": n, "v": "__deleted", "__v": 3, "__opened": 1} for n in range(10)])
    check(tmp_path / "e")


@pytest.mark.component
@pytest.mark.parametrize("write", FORMATS.values(), ids=FORMATS)
def test_a_deleted_document_is_no_row_in_any_format(tmp_path: Path, write: Any) -> None:
    import apache_beam as beam

    from components.exports.fields import FieldConfig
    from components.exports.source import resolve
    from components.mongo_example_gen.config import DataConfig
    from components.mongo_example_gen.ingest import ingest
    from components.mongo_example_gen.plan import make_plan
    from components.mongo_example_gen.reading import Request

    documents = [
        {"_id": n, "y": n % 2, "n": f"{n}.50", "__deleted": "false", "__op": "c"} for n in range(300)
    ]
    gone = [{**one, "__deleted": "true", "__op": "d"} for one in documents[::10]]
    write(tmp_path / "e", [*documents, *gone])

    def run(number: int, **more: Any) -> dict[str, Any]:
        config = DataConfig.model_validate({"mongo_export": "e", "label": "y", **more})
        plan = make_plan(config, {"y": FieldConfig(), "n": FieldConfig(type="float")}, True)
        output = tmp_path / f"root/{number}"
        request = Request(config, plan, resolve("e", tmp_path), tmp_path, output)
        return ingest(request, lambda: beam.Pipeline(runner="FnApiRunner"))

    with pytest.raises(DataError, match="changes as Debezium flattens them"):
        run(1)
    report = run(2, changes={})
    assert report["documents"]["accepted"] == 270 and report["filtered"] == {"deleted": 30}
    assert report["documents"]["read"] == 330 and report["documents"]["superseded"] == 30
    (kinds,) = (field["kinds"] for field in report["fields"] if field["feature"] == "y")
    assert kinds == {"int": 270}

"""Documents at and beyond the limits of MongoDB, as JSON lines and as BSON: each tried, each with its outcome."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import bson
import pytest
from bson.datetime_ms import DatetimeMS

from components.exports.blocks import plan_items, read_part, recognise_all
from components.exports.fields import FieldConfig
from components.exports.source import resolve, verify_unchanged
from components.mongo_example_gen.columnar.convert import convert_block
from components.mongo_example_gen.config import DataConfig
from components.mongo_example_gen.plan import Plan, make_plan
from components.mongo_example_gen.sampling import look
from foundation.errors import DataError

YEAR_MINUS_1 = -62198755200000
YEAR_10000 = 253402300800000


def _plan(path: str = "a", kind: Any = "int") -> Plan:
    config = DataConfig.model_validate({"mongo_export": "x", "label": "y"})
    return make_plan(config, {path: FieldConfig(type=kind)}, labelled=False)


def _read(data: bytes, folder: Path, plan: Plan) -> tuple[list[Any], list[str]]:
    """Returns the values of the only field, row by row, and the reasons of bad documents."""
    path = folder / "export"
    path.write_bytes(data)
    values: list[Any] = []
    reasons: list[str] = []
    for item in plan_items(recognise_all([(path, "export")], "auto")):
        for part in item.parts:
            for block in read_part(part):
                rows, bad = convert_block(block, part.format.kind, plan, Counter())
                values += [cell for one in rows for cell in one.columns[plan.columns[0].feature].to_pylist()]
                reasons += [reason for _, reason in bad]
    return values, reasons


def _nested(depth: int) -> dict[str, Any]:
    document: dict[str, Any] = {"a": 1}
    for _ in range(depth):
        document = {"x": document}
    return {"_id": 1, "a": 5, **document}


@pytest.mark.parametrize(
    "encode", [lambda d: json.dumps(d).encode() + b"\n", bson.encode], ids=["json", "bson"]
)
class TestBothFormats:
    def test_a_document_of_16_mb_is_read(self, tmp_path: Path, encode: Any) -> None:
        large = encode({"_id": 1, "a": 5, "x": "y" * (16 * 2**20 - 100)})
        small = encode({"_id": 2, "a": 6})
        assert _read(small + large + small, tmp_path, _plan()) == ([[6], [5], [6]], [])

    def test_nesting_of_200_levels_is_read(self, tmp_path: Path, encode: Any) -> None:
        assert _read(encode(_nested(200)), tmp_path, _plan()) == ([[5]], [])


@pytest.mark.parametrize("depth", [400, 900])
@pytest.mark.parametrize("inside", ["documents", "arrays", "both"])
@pytest.mark.parametrize("kind", ["int", "string", None])
@pytest.mark.parametrize("path", ["deep", "deep.x"])
@pytest.mark.parametrize("form", ["json", "array", "bson", "csv"])
def test_deep_nesting_in_a_wanted_value_is_a_bad_document_or_read(
    tmp_path: Path, form: str, path: str, kind: Any, inside: str, depth: int
) -> None:
    config = DataConfig.model_validate({"mongo_export": "x", "label": "y", "split": {"by": path}})
    plan = make_plan(config, {path: FieldConfig(type=kind)}, labelled=False)
    (tmp_path / "export").write_bytes(_deep(form, inside, depth))
    items, tally = plan_items(recognise_all([(tmp_path / "export", "export")], "auto")), Counter[Any]()
    look(items, plan)
    bad = []
    for block in read_part(items[0].parts[0]):
        bad += convert_block(block, items[0].parts[0].format.kind, plan, tally)[1]
    assert tally["documents", "read"] == 3
    place = 2 if form == "bson" else 1
    expected = [] if form == "csv" else [(place, "nested too deeply")]
    assert bad == expected or (path == "deep.x" and not bad)


def _deep(form: str, inside: str, depth: int) -> bytes:
    value: Any = 1
    for level in range(depth):
        is_document = inside == "documents" or (inside == "both" and level % 2)
        value = {"x": value} if is_document else [value]
    documents = [{"_id": 1, "deep": 2}, {"_id": 2, "deep": value}, {"_id": 3, "deep": 4}]
    if form == "bson":
        return b"".join(map(bson.encode, documents[::2])) + _deep_bson(value)
    if form == "csv":
        cell = json.dumps(value).replace('"', '""')
        return f'_id,deep\n1,2\n2,"{cell}"\n3,4\n'.encode()
    return (json.dumps(documents) if form == "array" else "\n".join(map(json.dumps, documents))).encode()


def _deep_bson(value: Any) -> bytes:
    """Encodes what the driver refuses to encode."""
    levels = []
    while isinstance(value, (dict, list)):
        levels.append(isinstance(value, dict))
        value = value["x"] if levels[-1] else value[0]
    body = b"\x10x\0\x01\0\0\0"
    for is_document, outer in zip(levels[::-1], [*levels[::-1][1:], None], strict=True):
        name = b"deep" if outer is None else b"x" if outer else b"0"
        inner = (len(body) + 5).to_bytes(4, "little") + body + b"\0"
        body = (b"\x03" if is_document else b"\x04") + name + b"\0" + inner
    body = b"\x10_id\0\x02\0\0\0" + body
    return (len(body) + 5).to_bytes(4, "little") + body + b"\0"


@pytest.mark.parametrize("millis", [YEAR_MINUS_1, YEAR_10000, -(2**63) + 1, 2**63 - 1])
def test_dates_of_any_year_keep_their_milliseconds(tmp_path: Path, millis: int) -> None:
    line = b'{"_id":1,"a":{"$date":{"$numberLong":"%d"}}}\n' % millis
    plan = _plan(kind="date")
    assert _read(line, tmp_path, plan) == ([[millis]], [])
    assert _read(bson.encode({"_id": 1, "a": DatetimeMS(millis)}), tmp_path, plan) == ([[millis]], [])


def test_the_last_of_duplicate_keys_wins(tmp_path: Path) -> None:
    assert _read(b'{"_id":1,"a":1,"a":2}\n', tmp_path, _plan()) == ([[2]], [])
    inner = b"".join(b"\x10a\0" + n.to_bytes(4, "little") for n in (1, 2))
    raw = (len(inner) + 5).to_bytes(4, "little") + inner + b"\0"
    assert _read(raw, tmp_path, _plan()) == ([[2]], [])


def test_lone_surrogates_are_quarantined(tmp_path: Path) -> None:
    values, reasons = _read(b'{"_id":1,"a":1}\n{"_id":2,"a":2,"x":"\\ud800"}\n', tmp_path, _plan())
    assert (values, len(reasons)) == ([[1]], 1)


@pytest.mark.parametrize("length", [3, 2**31 - 1, 40])
def test_a_wrong_length_stops_the_run_and_names_the_place(tmp_path: Path, length: int) -> None:
    good = bson.encode({"_id": 1, "a": 1})
    with pytest.raises(DataError, match=rf"byte {len(good)}; .*nothing of it was used"):
        _read(good + length.to_bytes(4, "little") + good[4:], tmp_path, _plan())


@pytest.mark.parametrize("change", ["grow", "shrink", "rewrite", "vanish"])
def test_an_export_that_changes_while_it_is_read_is_noticed(tmp_path: Path, change: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"_id":1,"a":1}\n' * 10)
    before = resolve("a.jsonl", tmp_path)
    if change == "vanish":
        path.unlink()
    else:
        path.write_bytes(
            {"grow": b'{"_id":1,"a":1}\n' * 11, "shrink": b"{}\n", "rewrite": b"x" * 160}[change]
        )
    with pytest.raises(DataError, match=r"does not change during the run|no such file"):
        verify_unchanged(before, tmp_path)


@pytest.mark.component
def test_an_export_that_grows_during_an_ingestion_publishes_nothing(tmp_path: Path) -> None:
    import apache_beam as beam

    from components.mongo_example_gen.ingest import ingest
    from components.mongo_example_gen.reading import Request

    path, output = tmp_path / "a.jsonl", tmp_path / "out"
    path.write_bytes(b'{"_id":1,"a":1}\n' * 10)

    def pipeline_while_the_export_grows() -> Any:
        with path.open("ab") as file:
            file.write(b'{"_id":2,"a":2}\n')
        return beam.Pipeline(argv=["--runner=FnApiRunner"])

    config = DataConfig.model_validate({"mongo_export": "a.jsonl", "label": "y"})
    request = Request(config, _plan(), resolve("a.jsonl", tmp_path), tmp_path, output)
    with pytest.raises(DataError, match="does not change during the run"):
        ingest(request, pipeline_while_the_export_grows)
    assert not list(output.rglob("*.gz"))

"""Damage loses nothing but what it touches: rows lost are rows counted, whatever the format and wherever blocks end."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from components.exports import tally as count
from components.exports.blocks import plan_items, read_part, recognise_all
from components.exports.formats import base, csv_records
from components.exports.formats.base import FileFormat, Part
from components.exports.tally import Tally
from components.mongo_example_gen.checks import check_bad_documents, check_bytes
from components.mongo_example_gen.columnar.convert import convert_block
from components.mongo_example_gen.config import BadDocumentsConfig, DataConfig
from components.mongo_example_gen.plan import Plan, make_plan
from foundation.errors import DataError
from tests.components.exports.damage import MAKERS, Read, damage, faults, make_documents, read_file

CASES = Path(__file__).parents[2] / "cases" / "exports"
BLOCKS = (64, 257, 1000, 2**20)


def _one(kind: str, seed: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    draw = random.Random(f"{kind}{seed}")
    export = MAKERS[kind](make_documents(draw, draw.choice([3, 20, 60]), nested_ids=seed % 3 == 2))
    export.packed = draw.random() < 0.1
    monkeypatch.setattr(base, "BLOCK_BYTES", draw.choice(BLOCKS))
    damage(export, draw, draw.choice([0, 1, 1, 2, 3]))
    return [f"{kind} {seed}: {fault}" for fault in faults(export, folder / "e")]


@pytest.mark.parametrize("kind", MAKERS)
def test_damage_takes_only_what_it_touches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    assert not [fault for seed in range(25) for fault in _one(kind, seed, tmp_path, monkeypatch)]


@pytest.mark.integration
@pytest.mark.parametrize("kind", MAKERS)
def test_damage_takes_only_what_it_touches_in_thousands_of_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    assert not [fault for seed in range(25, 325) for fault in _one(kind, seed, tmp_path, monkeypatch)]


@pytest.mark.parametrize("kind", MAKERS)
def test_sound_files_are_read_whole_wherever_blocks_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    export = MAKERS[kind](make_documents(random.Random(kind), 12))
    for size in range(1, len(export.data), 29):
        monkeypatch.setattr(base, "BLOCK_BYTES", size)
        assert faults(export, tmp_path / "e") == [], size


@pytest.mark.parametrize("kind", ["csv", "csv-crlf", "array-one-line", "pretty", "one-line"])
@pytest.mark.parametrize("seed", range(5))
def test_workers_that_share_a_damaged_file_read_what_one_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, seed: int
) -> None:
    draw = random.Random(f"{kind}{seed}")
    export = MAKERS[kind](make_documents(draw, 60))
    damage(export, draw, 5)
    monkeypatch.setattr(base, "BLOCK_BYTES", 500)
    (tmp_path / "e").write_bytes(export.data)
    (item,) = plan_items(recognise_all([(tmp_path / "e", "e")], "auto"))
    whole = [raw for block in read_part(item.parts[0]) for raw in block.documents]
    parts = [replace(item.parts[0], stripe=stripe, stripes=3) for stripe in range(3)]
    shared = [raw for part in parts for block in read_part(part) for raw in block.documents]
    assert sorted(shared) == sorted(whole)


def test_a_quote_that_is_never_closed_reaches_no_further_than_its_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_records, "MAX_RECORD", 2000)
    monkeypatch.setattr(base, "BLOCK_BYTES", 100)
    open_text = b'20,1,"open\n' + b"no row\n" * 1000
    found = _read(HEAD + b"".join([*ROWS[:20], open_text, *ROWS[21:]]), tmp_path)
    assert _ids(found) == [str(i) for i in range(40) if i != 20]
    assert max(high - low for low, high, _ in found.bad) < 8000
    assert sum(high - low + 1 for low, high, _ in found.bad) == len(open_text)


def test_damaged_rows_of_csv_that_follow_each_other_are_counted_one_by_one(tmp_path: Path) -> None:
    spark = [b'%d,1,"5\\" pipe, long",0\n' % i for i in range(10, 20)]
    found = _read(HEAD + b"".join([*ROWS[:10], *spark, *ROWS[20:]]), tmp_path)
    assert (len(found.accepted), len(found.bad)) == (30, 10)
    assert {reason for _, _, reason in found.bad} == {
        "backslash before a quote: write quotes twice (Spark: option escape='\"')"
    }


def _read(data: bytes, folder: Path) -> Read:
    (folder / "e").write_bytes(data)
    return read_file(folder / "e")


def _ids(found: Read) -> list[str]:
    return [str(view.get("_id")) for _, _, view in found.accepted]


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("one_stray_quote.csv", []),
        ("two_stray_quotes.csv", []),
        ("backslash_quotes.csv", ["400", "1200"]),
        ("array_two_stray_quotes.json", ["400", "1200"]),
    ],
)
def test_a_stray_quote_takes_no_neighbour(name: str, bad: list[str]) -> None:
    found = read_file(CASES / name)
    assert _ids(found) == [str(i) for i in range(2000) if str(i) not in bad]
    assert len(found.bad) == len(bad)


HEAD = b"_id,v,text,y\n"
ROWS = [b"%d,%d,item %d,%d\n" % (i, i * 7 % 50, i, i % 2) for i in range(40)]


@pytest.mark.parametrize(
    ("row", "value"),
    [
        (b'20,1,5" pipe,0\n', '5" pipe'),
        (b'20,1,5"" pipe,0\n', '5"" pipe'),
        (b'20,1,pipe",0\n', 'pipe"'),
        (b'20,1,"5"" pipe",0\n', '5" pipe'),
        (b'20,1,"two\n\nlines",0\r\n', "two\n\nlines"),
        (b'20,1,"a, b\nc, d\r\ne",0\n', "a, b\nc, d\r\ne"),
        (b'20,1,"x\r1,2",0\n', "x\r1,2"),
        (b'20,1,"1,2,3\n4,5,6\n",0\n', "1,2,3\n4,5,6\n"),
        (b"20,1,a\x00b,0\n", "a\x00b"),
    ],
)
def test_a_cell_of_csv_is_what_other_readers_take_it_for(tmp_path: Path, row: bytes, value: str) -> None:
    found = _read(HEAD + b"".join([*ROWS[:20], row, *ROWS[21:]]), tmp_path)
    assert _ids(found) == [str(i) for i in range(40)]
    assert found.accepted[20][2]["text"] == value


@pytest.mark.parametrize(
    "row",
    [
        b'20,1,"5\\" pipe, long",0\n',
        b'20,1,"open,0\n',
        b'20,1,"a\nb" c,0\n',
        b'20,"1,"2",0\n',
        b'20,1,"short"\n',
        b'20,1,"two\nlines",0,9\n',
        b"20,1,x,y,z,0\n",
        b'20,1,"\xff",0\n',
    ],
)
@pytest.mark.parametrize("place", [0, 20, 39])
def test_a_damaged_row_of_csv_is_one_bad_document(tmp_path: Path, row: bytes, place: int) -> None:
    found = _read(HEAD + b"".join([*ROWS[:place], row, *ROWS[place + 1 :]]), tmp_path)
    assert _ids(found) == [str(i) for i in range(40) if i != place]
    assert len(found.bad) == 1


@pytest.mark.parametrize("apart", [1, 2, 30])
def test_quotes_that_open_and_close_far_apart_join_no_rows(tmp_path: Path, apart: int) -> None:
    rows = list(ROWS)
    rows[5], rows[5 + apart] = b'5,1,"open,0\n', b'%d,1,close",0\n' % (5 + apart)
    found = _read(HEAD + b"".join(rows), tmp_path)
    assert set(range(40)) - set(map(int, _ids(found))) <= {5, 5 + apart}
    assert len(found.bad) == 40 - len(found.accepted)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=["lf", "crlf", "cr"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "bom"])
def test_every_line_end_of_csv_is_one(tmp_path: Path, end: bytes, mark: bytes) -> None:
    data = mark + HEAD.replace(b"\n", end) + b"".join(ROWS[:20]) + b"".join(ROWS[20:]).replace(b"\n", end)
    assert _ids(_read(data, tmp_path)) == [str(i) for i in range(40)]
    assert _ids(_read(data.rstrip(), tmp_path)) == [str(i) for i in range(40)]


def test_a_header_may_have_quotes_and_lines(tmp_path: Path) -> None:
    found = _read(b'_id,"a,b","c\nd","e ""f"""\n1,2,3,4\n', tmp_path)
    assert found.accepted[0][2] == {"_id": "1", "a,b": "2", "c\nd": "3", 'e "f"': "4"}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ((CASES / "semicolon.csv").read_bytes(), r"separated by semicolons; remedy: .*delimiter=';'"),
        (b"_id\tv\ty\n1\t2\t3\n", r"separated by tabs; remedy: .*delimiter='\\t'"),
        ((CASES / "shell_syntax.json").read_bytes(), r"output of the mongo shell .*EJSON.stringify"),
        (b"{\n  _id: ObjectId('000000000000000000000000'),\n  v: 1\n}\n", "output of the mongo shell"),
        (b'[ { "_id" : ObjectId("000000000000000000000000") } ]', "output of the mongo shell"),
        (b'"_id,v\n1,2\n', "a first line with the names of the columns"),
    ],
    ids=["semicolons", "tabs", "shell", "mongosh", "shell-array", "open-header"],
)
def test_what_is_no_export_is_said_with_its_remedy(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        _read(data, tmp_path)


def test_a_declared_csv_with_semicolons_is_refused_too(tmp_path: Path) -> None:
    (tmp_path / "e").write_bytes(b"_id;v\n1;2\n")
    with pytest.raises(DataError, match="separated by semicolons"):
        list(read_part(Part(str(tmp_path / "e"), "e", FileFormat("csv"))))


@pytest.mark.parametrize("space", [b"", b" ", b"\r"])
def test_documents_that_share_a_line_are_read(tmp_path: Path, space: bytes) -> None:
    pair = b'{"_id":3,"t":"}{"}' + space + b'{"_id":4}\n'
    found = _read(b'{"_id":1}\n{"_id":2}\n' + pair + b'{"_id":5}\n', tmp_path)
    assert _ids(found) == ["1", "2", "3", "4", "5"]


def test_documents_that_share_a_line_with_damage_are_read(tmp_path: Path) -> None:
    found = _read(b'{"_id":1}\n{"_id":}{"_id":2}{"_id":3}\n', tmp_path)
    assert (_ids(found), len(found.bad)) == (["1", "2", "3"], 1)


def test_a_file_on_one_line_is_read_block_by_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "BLOCK_BYTES", 1000)
    monkeypatch.setattr(base, "BLOCK_DOCUMENTS", 1)
    line = b"".join(b'{"_id":%d,"a":[{"b":%d}]}' % (i, i) for i in range(5000))
    for data in (line, b"[" + line.replace(b"}{", b"},{") + b"]"):
        (tmp_path / "e").write_bytes(data)
        (item,) = plan_items(recognise_all([(tmp_path / "e", "e")], "auto"))
        sizes = [block.span or 0 for block in read_part(item.parts[0])]
        assert (sum(sizes), max(sizes) <= 2000) == (len(data), True)


def test_a_document_that_a_lost_bracket_left_open_takes_no_others(tmp_path: Path) -> None:
    lines = [b'{"_id":%d,"a":[{"b":1}]}' % i for i in range(100)]
    for damaged in (
        b'{"_id":50,"a":[{"b":1}]',
        b'{"_id":50,"a":[{"b":1}',
        b'{"_id":50,"a":{"b":1}]}',
        b'"_id":50}',
    ):
        data = b"[" + b",".join([*lines[:50], damaged, *lines[51:]]) + b"]"
        found = _read(data, tmp_path)
        assert (_ids(found), len(found.bad)) == ([str(i) for i in range(100) if i != 50], 1), damaged


def _plan() -> Plan:
    config = DataConfig.model_validate({"mongo_export": "x", "label": "y"})
    return make_plan(config, {}, labelled=False)


def _tally(path: Path) -> Tally:
    known, tally = recognise_all([(path, "e")], "auto"), Counter[tuple[str, ...]]()
    for part in (part for item in plan_items(known) for part in item.parts):
        for block in read_part(part):
            convert_block(block, part.format.kind, _plan(), tally)
    tally[count.ACCEPTED] = tally[count.READ]
    check_bytes(tally, known)
    return tally


def test_bytes_are_in_documents_in_the_quarantine_or_between(tmp_path: Path) -> None:
    tally = _tally(CASES / "backslash_quotes.csv")
    assert tally[count.BYTES_QUARANTINED] == len(b'400,83,"5\\" pipe, long",0') + len(
        b'1200,12,"7\\" pipe, long",0'
    )
    assert tally[count.BYTES_BETWEEN] == len(b"_id,v,name,y") + 2001
    tally[count.BYTES_READ] -= 1
    with pytest.raises(DataError, match="this is an internal error"):
        check_bytes(tally, recognise_all([(CASES / "backslash_quotes.csv", "e")], "auto"))


def test_a_reader_that_drops_bytes_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from components.exports.formats.window import Pieces

    take = Pieces.take
    monkeypatch.setattr(Pieces, "take", lambda self, raw, offset: take(self, raw[:-1], offset))
    with pytest.raises(DataError, match="bytes in documents"):
        _tally(CASES / "one_stray_quote.csv")


def test_one_bad_piece_counts_as_the_documents_that_it_holds() -> None:
    tally: Tally = Counter({count.READ: 12_001, count.BYTES_OF_DOCUMENTS: 12_000 * 20})
    count.add_bad(tally, b"x" * 8000 * 20, "not CSV")
    with pytest.raises(
        DataError, match=r"seen: 1 \(0.008%\): not CSV: 1; by their bytes they are about 8000 documents"
    ):
        check_bad_documents(tally, BadDocumentsConfig(fail_above=0.1), "quarantine")
    check_bad_documents(tally, BadDocumentsConfig(fail_above=0.5), "quarantine")


def test_ordinary_bad_documents_count_as_one_each() -> None:
    tally: Tally = Counter({count.READ: 2000, count.BYTES_OF_DOCUMENTS: 1998 * 20})
    for _ in range(2):
        count.add_bad(tally, b"x" * 60, "not CSV")
    check_bad_documents(tally, BadDocumentsConfig(fail_above=0.001), "quarantine")


def test_a_damaged_length_in_bson_that_takes_in_a_neighbour_stops_the_run(tmp_path: Path) -> None:
    import bson

    documents = [bytearray(bson.encode({"_id": i, "t": "x" * 10})) for i in range(20)]
    documents[7][0] *= 2
    with pytest.raises(DataError, match=rf"byte {7 * len(documents[0])}; .*takes in documents after it"):
        _read(b"".join(documents), tmp_path)

"""Cutting an export into items loses and repeats nothing, wherever the cuts fall; damaged files are named."""

from __future__ import annotations

import contextlib
import gzip
import json
from dataclasses import replace
from pathlib import Path

import bson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.exports import blocks
from components.exports.blocks import plan_items, read_part, recognise_all
from components.exports.formats import base
from components.exports.formats.base import FileFormat, Part
from components.exports.readers import sample_documents
from foundation.errors import DataError

PLAIN_LINES = FileFormat("jsonl")


def _documents(part: Part) -> list[bytes]:
    return [document for block in read_part(part) for document in block.documents]


@given(
    lines=st.lists(st.binary(max_size=12).map(lambda b: b.replace(b"\n", b"")), max_size=12),
    cut=st.integers(0, 60),
)
def test_byte_ranges_neither_lose_nor_repeat_a_line(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], cut: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "ranges"
    data = b"x" + b"\n".join(lines)
    path.write_bytes(data)
    whole = Part(str(path), "e", PLAIN_LINES, 0, len(data))
    cut = min(cut, len(data))
    pieces = [replace(whole, end=cut), replace(whole, start=cut)] if 0 < cut < len(data) else [whole]
    assert [d for piece in pieces for d in _documents(piece)] == _documents(whole)


@pytest.mark.parametrize("kind", ["jsonl", "bson", "json_array"])
def test_stripes_share_out_every_document_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(base, "BLOCK_BYTES", 200)
    monkeypatch.setattr(base, "BLOCK_DOCUMENTS", 1)
    documents = [{"_id": i} for i in range(100)]
    lines = [json.dumps(d).encode() for d in documents]
    data = {
        "jsonl": b"\n".join(lines),
        "bson": b"".join(map(bson.encode, documents)),
        "json_array": b"[" + b",".join(lines) + b"]",
    }
    (tmp_path / "e").write_bytes(gzip.compress(data[kind]))
    parts = [Part(str(tmp_path / "e"), "e", FileFormat(kind, "gz"), stripe=s, stripes=3) for s in range(3)]  # type: ignore[arg-type]
    shares = [_documents(part) for part in parts]
    assert all(shares)
    assert len({d for share in shares for d in share}) == sum(map(len, shares)) == 100


def test_small_files_share_an_item_and_large_ones_are_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base, "ITEM_BYTES", 100)
    monkeypatch.setattr(blocks, "ITEM_BYTES", 100)
    files = []
    for name, times in (("a", 2), ("b", 2), ("c", 60)):
        (tmp_path / name).write_bytes(b'{"_id":1}\n' * times)
        files.append((tmp_path / name, name))
    items = plan_items(recognise_all(files, "auto"))
    assert [len(item.parts) for item in items] == [2, 1, 1, 1, 1, 1, 1]
    assert sum(len(_documents(part)) for item in items for part in item.parts) == 64


@pytest.mark.parametrize("cut", [0.3, 0.9, -4], ids=["third", "most", "crc"])
def test_a_truncated_gz_is_named(tmp_path: Path, cut: float) -> None:
    data = gzip.compress(b"".join(b'{"_id":%d,"x":"%d"}\n' % (i, i * 7919) for i in range(5000)))
    (tmp_path / "e").write_bytes(data[: int(len(data) * cut) if cut > 0 else int(cut)])
    part = Part(str(tmp_path / "e"), "e", FileFormat("jsonl", "gz"))
    with pytest.raises(DataError, match="the export was cut off; remedy: export or copy the file again"):
        _documents(part)


@pytest.mark.parametrize(
    ("kind", "data", "message"),
    [
        ("bson", bson.encode({"a": 1})[:-3], "the end of the file in the middle"),
        (
            "bson",
            bson.encode({"a": 1}) + b"\xff\xff\xff\x7fxxxx",
            "byte 12; .*a document length of 2147483647 bytes",
        ),
        ("json_array", b'[{"a":1},{"a":2}', "a complete document or array"),
        ("json_array", b'[{"a":1},{"a":', "byte 9; expected a complete document"),
        ("json_pretty", b'{\n"a":1\n}\n{\n"a":"', "byte 10; expected a complete document"),
    ],
)
def test_a_truncated_or_corrupt_file_is_named_with_its_offset(
    tmp_path: Path, kind: str, data: bytes, message: str
) -> None:
    (tmp_path / "e").write_bytes(data)
    with pytest.raises(DataError, match=message):
        _documents(Part(str(tmp_path / "e"), "e", FileFormat(kind)))  # type: ignore[arg-type]


def test_stray_text_between_values_is_a_bad_document_not_lost(tmp_path: Path) -> None:
    (tmp_path / "e").write_bytes(b'[{"a":1}, 17, {"a":2}]')
    part = Part(str(tmp_path / "e"), "e", FileFormat("json_array"))
    assert _documents(part) == [b'{"a":1}', b"17", b'{"a":2}']


@given(
    data=st.binary(max_size=300), kind=st.sampled_from(["jsonl", "bson", "json_array", "json_pretty", "csv"])
)
def test_readers_end_on_any_bytes(tmp_path_factory: pytest.TempPathFactory, data: bytes, kind: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(data)
    with contextlib.suppress(DataError):
        _documents(Part(str(path), "e", FileFormat(kind)))  # type: ignore[arg-type]


@pytest.mark.parametrize("form", ["jsonl", "json_array", "bson"])
def test_blocks_of_wide_documents_grow_to_some_hundreds_of_them(tmp_path: Path, form: str) -> None:
    wide = [{"_id": number, "text": "x" * 8000} for number in range(1200)]
    text = [json.dumps(document).encode() for document in wide]
    data = {
        "jsonl": b"\n".join(text),
        "json_array": b"[" + b",\n".join(text) + b"]",
        "bson": b"".join(map(bson.encode, wide)),
    }
    (tmp_path / "e").write_bytes(data[form])
    (item,) = plan_items(recognise_all([(tmp_path / "e", "e")], form))  # type: ignore[arg-type]
    sizes = [len(block.documents) for block in read_part(item.parts[0])]
    assert sum(sizes) == 1200
    assert sizes[0] < 150 < base.BLOCK_DOCUMENTS - 2 <= sizes[1] <= base.BLOCK_DOCUMENTS + 200


def test_a_sample_from_several_places_of_a_file_holds_no_document_twice(tmp_path: Path) -> None:
    lines = (json.dumps({"_id": number, "text": "x" * 1000}) for number in range(6000))
    (tmp_path / "e.jsonl").write_text("\n".join(lines), encoding="utf-8")
    found = [document["_id"] for document in sample_documents("e.jsonl", tmp_path, 20_000)]
    assert sorted(found) == list(range(6000))

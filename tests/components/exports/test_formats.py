"""Formats are recognised by content, whatever the name, and read to the same documents."""

from __future__ import annotations

import bz2
import gzip
import json
import random
from collections.abc import Callable
from pathlib import Path

import bson
import pyarrow as pa
import pytest

from components.exports.blocks import plan_items, read_part, recognise_all
from components.exports.formats.base import FileFormat, Part
from components.exports.readers import sample_documents
from components.exports.recognition import recognise
from foundation.errors import DataError

DOCUMENTS = [{"_id": str(i), "a": {"b": i}, "c": ["}", "\\", '"{', i]} for i in range(40)]
LINES = [json.dumps(d, separators=(",", ":")).encode() for d in DOCUMENTS]
CSV = b"_id,a.b\n" + b"".join(b'"%d",%d\n' % (i, i) for i in range(40))
COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "zst": lambda data: pa.compress(data, codec="zstd", asbytes=True),
}
EXPORTS = {
    "jsonl": b"\n".join(LINES) + b"\n",
    "json_array": b"[" + b",".join(LINES) + b"]\n",
    "json_pretty": b"".join(json.dumps(d, indent="\t").encode() + b"\n" for d in DOCUMENTS),
    "bson": b"".join(bson.encode(d) for d in DOCUMENTS),
}


@pytest.mark.parametrize("compression", ["none", *COMPRESS])
@pytest.mark.parametrize("kind", [*EXPORTS, "csv"])
def test_every_format_is_recognised_under_a_wrong_name_and_read(
    tmp_path: Path, kind: str, compression: str
) -> None:
    data = EXPORTS.get(kind, CSV)
    (tmp_path / "export.dat").write_bytes(COMPRESS.get(compression, bytes)(data))
    found = recognise(tmp_path / "export.dat")
    assert found is not None
    assert (found.kind, found.compression) == (kind, compression)
    documents = list(sample_documents("export.dat", tmp_path))
    expected = [{"_id": str(i), "a": {"b": str(i)}} for i in range(40)] if kind == "csv" else DOCUMENTS
    assert documents == expected


@pytest.mark.parametrize("compression", COMPRESS)
def test_truncated_or_damaged_compressed_files_are_reported(tmp_path: Path, compression: str) -> None:
    noise = random.Random(1).randbytes(3 * 10**5).hex().encode()
    lines = b"".join(b'{"_id":"%s"}\n' % noise[i : i + 60] for i in range(0, len(noise), 60))
    whole = COMPRESS[compression](lines)
    middle = len(whole) // 2
    broken = {
        "cut": (whole[:middle], "it ends before its end-of-stream marker"),
        "zeros": (
            whole[:middle] + b"\0" * (len(whole) - middle),
            "intact compressed file|end-of-stream marker",
        ),
    }
    for name, (data, message) in broken.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(DataError, match=message):
            list(read_part(Part(str(tmp_path / name), name, FileFormat("jsonl", compression))))  # type: ignore[arg-type]


def test_compressed_files_of_several_streams_are_read_whole(tmp_path: Path) -> None:
    for compression, compress in COMPRESS.items():
        (tmp_path / compression).write_bytes(b"".join(compress(line + b"\n") for line in LINES))
        assert list(sample_documents(compression, tmp_path)) == DOCUMENTS


@pytest.mark.parametrize(
    ("text", "dialect"),
    [
        (b'{"d":{"$date":"2024-01-01T00:00:00Z"}}', "relaxed"),
        (b'{"d":{"$numberInt":"1"}}', "canonical"),
        (b'{"d":{"$date":1700000000000}}', "legacy"),
        (b'{"d":{"$date":"2024-01-01T00:00:00.000+0000"}}', "legacy"),
        (b'{"d":{"$binary":"YQ==","$type":"00"}}', "legacy"),
    ],
)
def test_the_dialect_is_detected(tmp_path: Path, text: bytes, dialect: str) -> None:
    (tmp_path / "e").write_bytes(text + b"\n")
    found = recognise(tmp_path / "e")
    assert found is not None and found.dialect == dialect


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"PK\x03\x04xxxx", "a zip archive; remedy: unpack it"),
        (gzip.compress(b"PAR1xxxx"), "compressed Parquet"),
        (b"\x28\xb5\x2f\xfd" + b"\xff" * 40, "intact compressed file"),
        ('{"a":1}'.encode("utf-16"), "UTF-16 text; remedy: convert it with `iconv"),
        ('{"a":1}'.encode("utf-16-le"), "UTF-16 text; remedy: convert it with `iconv"),
        ('[{"a":1}]'.encode("utf-16-be"), "UTF-16 text; remedy: convert it with `iconv"),
        (b"hello world\n", "none of these in its first bytes"),
    ],
    ids=["zip", "parquet.gz", "zstd-in-name-only", "utf16", "utf16le", "utf16be", "text"],
)
def test_unsupported_files_are_named(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "e").write_bytes(data)
    with pytest.raises(DataError, match=message):
        recognise(tmp_path / "e")


def test_a_byte_order_mark_is_skipped(tmp_path: Path) -> None:
    for kind, data in EXPORTS.items():
        if kind != "bson":
            (tmp_path / kind).write_bytes(b"\xef\xbb\xbf" + data)
            assert list(sample_documents(kind, tmp_path)) == DOCUMENTS


def test_a_broken_first_line_does_not_hide_json_lines(tmp_path: Path) -> None:
    (tmp_path / "e").write_bytes(b"%% broken\n" + EXPORTS["jsonl"])
    assert len(list(sample_documents("e", tmp_path))) == 40


@pytest.mark.parametrize("length", [2**16 - 2, 2**16 - 1, 2**16])
def test_a_first_line_longer_than_the_head_is_a_line(tmp_path: Path, length: int) -> None:
    line = b'{"_id":1,"a":[' + b"1," * length
    for data in (line, line + b"1]}\n{}\n"):
        (tmp_path / "e").write_bytes(data)
        found = recognise(tmp_path / "e")
        assert found is not None and found.kind == "jsonl"


def test_files_of_mixed_formats_are_refused(tmp_path: Path) -> None:
    for kind in ("jsonl", "bson"):
        (tmp_path / kind).write_bytes(EXPORTS[kind])
    with pytest.raises(DataError, match=r"files of one format; seen: bson \(b\), jsonl \(j\)"):
        recognise_all([(tmp_path / "jsonl", "j"), (tmp_path / "bson", "b")], "auto")


def test_a_sample_is_limited_and_skips_bad_documents(tmp_path: Path) -> None:
    (tmp_path / "e").write_bytes(b'{"a":{"$oid":"x"}}\n\n' + EXPORTS["jsonl"])
    assert list(sample_documents("e", tmp_path, limit=5)) == DOCUMENTS[:5]


@pytest.mark.parametrize("kind", [*EXPORTS, "csv"])
def test_offsets_point_at_the_documents(tmp_path: Path, kind: str) -> None:
    data = EXPORTS.get(kind, CSV)
    (tmp_path / "e").write_bytes(data)
    (item,) = plan_items(recognise_all([(tmp_path / "e", "e")], "auto"))
    for block in read_part(item.parts[0]):
        for index, raw in enumerate(block.documents):
            offset = block.offset_of(index)
            assert data[offset : offset + len(raw)] == raw

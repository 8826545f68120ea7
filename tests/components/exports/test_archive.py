"""mongodump archives: interleaved namespaces, checksums, truncation and corruption."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import bson
import pytest

from components.exports.blocks import plan_items, read_part, recognise_all
from components.exports.crc64 import Crc64Check
from foundation.errors import DataError

END = b"\xff\xff\xff\xff"
USERS = [{"_id": i, "name": "ü" * i} for i in range(50)]
ORDERS = [{"_id": -i} for i in range(7)]


def crc64(data: bytes) -> int:
    """The textbook bit by bit CRC-64/XZ."""
    crc = 2**64 - 1
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0xC96C5795D7870F42 if crc & 1 else 0)
    return crc ^ (2**64 - 1)


def archive(collections: dict[str, list[dict[str, Any]]], pieces: int = 3, crc_shift: int = 0) -> bytes:
    """Writes an archive as mongodump does, the collections taking turns."""
    out = b"\x6d\xe2\x99\x81" + bson.encode({"version": "0.1", "concurrent_collections": 4})
    for name in collections:
        out += bson.encode({"db": "shop", "collection": name, "metadata": "{}", "type": "collection"})
    out += END
    for piece in range(pieces):
        for name, documents in collections.items():
            mine = b"".join(map(bson.encode, documents[piece::pieces]))
            out += bson.encode({"db": "shop", "collection": name, "EOF": False, "CRC": bson.Int64(0)})
            out += mine + END
    for name, documents in collections.items():
        body = b"".join(bson.encode(d) for piece in range(pieces) for d in documents[piece::pieces])
        (signed,) = struct.unpack("<q", struct.pack("<Q", (crc64(body) + crc_shift) % 2**64))
        out += bson.encode({"db": "shop", "collection": name, "EOF": True, "CRC": bson.Int64(signed)}) + END
    return out


def read(path: Path, namespace: str = "") -> Iterable[dict[str, Any]]:
    """Reads the documents of a namespace."""
    (item,) = plan_items(recognise_all([(path, path.name)], "auto", namespace))
    for block in read_part(item.parts[0]):
        data = (
            gzip.decompress(path.read_bytes())
            if item.parts[0].format.compression == "gz"
            else path.read_bytes()
        )
        for index, raw in enumerate(block.documents):
            assert data[block.offset_of(index) :].startswith(raw)
            yield bson.decode(raw)


@pytest.mark.parametrize("gz", [False, True], ids=["plain", "gz"])
def test_interleaved_namespaces_are_taken_apart(tmp_path: Path, gz: bool) -> None:
    data = archive({"users": USERS, "orders": ORDERS})
    (tmp_path / "dump").write_bytes(gzip.compress(data) if gz else data)
    assert sorted(read(tmp_path / "dump", "shop.users"), key=lambda d: d["_id"]) == USERS
    assert len(list(read(tmp_path / "dump", "shop.orders"))) == len(ORDERS)


def test_one_namespace_needs_no_name(tmp_path: Path) -> None:
    (tmp_path / "dump").write_bytes(archive({"users": USERS, "system.views": []}))
    assert len(list(read(tmp_path / "dump"))) == 50


@pytest.mark.parametrize(
    ("namespace", "message"),
    [
        ("", r"seen: shop\.users, shop\.orders; remedy: set data\.namespace"),
        ("shop.user", "did you mean 'shop.users'"),
    ],
)
def test_several_namespaces_are_listed(tmp_path: Path, namespace: str, message: str) -> None:
    (tmp_path / "dump").write_bytes(archive({"users": USERS, "orders": ORDERS}))
    with pytest.raises(DataError, match=message):
        list(read(tmp_path / "dump", namespace))


def test_a_wrong_checksum_stops(tmp_path: Path) -> None:
    (tmp_path / "dump").write_bytes(archive({"users": USERS}, crc_shift=1))
    with pytest.raises(DataError, match="CRC-64"):
        list(read(tmp_path / "dump"))


def test_an_archive_truncated_anywhere_stops(tmp_path: Path) -> None:
    data = archive({"users": USERS[:4]})
    for length in range(5, len(data) - 4):
        (tmp_path / "dump").write_bytes(data[:length])
        with pytest.raises(DataError, match="mongodump archive dump, byte"):
            list(read(tmp_path / "dump"))


def test_a_wrong_length_stops(tmp_path: Path) -> None:
    data = archive({"users": USERS})
    place = data.index(bson.encode(USERS[3]))
    (tmp_path / "dump").write_bytes(data[:place] + b"\x02\x00\x00\x00" + data[place + 4 :])
    with pytest.raises(DataError, match="a document length of 2 bytes"):
        list(read(tmp_path / "dump"))


@pytest.mark.parametrize("size", [0, 1, 3, 65535, 65536, 65537])
def test_checksums_are_those_of_xz(size: int) -> None:
    data = bytes(i * 7 % 251 for i in range(size))
    expected = crc64(data)
    for value, right in ((expected, True), (expected ^ 1, False)):
        check = Crc64Check()
        check.update(data[: size // 2])
        check.update(data[size // 2 :])
        assert check.matches(value) is right


def test_the_textbook_checksum_is_the_published_one() -> None:
    assert crc64(b"123456789") == 0x995DC9BBDF1939FA


TOOLS = Path(__file__).parents[2] / "cases/time_series"
"""Written by mongodump: a plain collection, a time series, a view, odd names."""


@pytest.mark.parametrize(
    ("name", "count"), [("shop.users", 200), ("shop.a%b/c d", 50), ("shop.manifest", 50)]
)
def test_a_collection_beside_a_time_series_is_read(name: str, count: int) -> None:
    assert len(list(read(TOOLS / "all.archive", name))) == count


@pytest.mark.parametrize(
    ("file", "namespace", "message"),
    [
        ("weather.archive", "", r"shop\.weather \(a time series.*penstock export shop weather"),
        ("weather.archive", "shop.weather", r"shop\.weather \(a time series"),
        ("weather.archive", "shop.system.buckets.weather", r"seen: shop\.weather \(a time series"),
        ("all.archive", "shop.weather", r"shop\.weather \(a time series"),
        ("all.archive", "shop.v_users", r"shop\.v_users \(a view"),
        ("view.archive", "", r"shop\.v_users \(a view"),
        ("all.archive", "", r"shop\.users, shop\.a%b/c d, shop\.manifest, shop\.empty; remedy: set data.namespace"),
    ],
)  # fmt: skip
def test_what_holds_no_documents_is_refused_by_what_it_is(file: str, namespace: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        list(read(TOOLS / file, namespace))

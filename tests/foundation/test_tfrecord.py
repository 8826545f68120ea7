"""TFRecord framing: what is written is read again, and damage is noticed."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import pytest

from foundation.errors import DataError
from foundation.tfrecord import framed, framed_batch, read_gz, read_records

RECORDS = [b"", b"one", b"two" * 100_000]


@pytest.mark.parametrize("source", [bytes, io.BytesIO], ids=["content", "file"])
def test_records_are_read_as_they_were_written(source: type) -> None:
    assert list(read_records(source(framed_batch(RECORDS)))) == RECORDS


def test_a_batch_is_its_records_one_after_the_other() -> None:
    assert framed_batch(RECORDS) == b"".join(map(framed, RECORDS))


def test_a_compressed_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(gzip.compress(framed_batch(RECORDS)))
    assert list(read_gz(tmp_path / "a.gz")) == RECORDS


@pytest.mark.parametrize(
    "content", [gzip.compress(framed(b"a"))[:-9], b"no gzip", gzip.compress(b"no record")]
)
def test_a_damaged_compressed_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.gz").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.gz; expected a gzip TFRecord file"):
        list(read_gz(tmp_path / "a.gz"))


def test_framing_is_that_of_tensorflow() -> None:
    """The bytes that ``tf.io.TFRecordWriter`` writes for ``abc``."""
    assert framed(b"abc").hex() == "0300000000000000b099490e6162636e57f121"


@pytest.mark.parametrize("place", [0, 9, 12, -1], ids=["length", "its checksum", "record", "its checksum"])
def test_a_changed_byte_is_noticed_where_its_record_begins(place: int) -> None:
    second = bytearray(framed(b"second"))
    second[place] ^= 1
    found = read_records(framed(b"first") + bytes(second))
    assert next(found) == b"first"
    with pytest.raises(ValueError, match=f"corrupted record at {len(framed(b'first'))}"):
        next(found)


@pytest.mark.parametrize("size", [1, 11, 12, 14, 18], ids=lambda size: f"{size} bytes")
def test_a_record_that_is_cut_off_is_noticed(size: int) -> None:
    with pytest.raises(ValueError, match="corrupted record at 0"):
        list(read_records(framed(b"abcdef")[:size]))

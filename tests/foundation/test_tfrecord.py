"""TFRecord framing: what is written is read again, and damage is noticed."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    "content",
    [gzip.compress(framed(b"a"))[:-9], b"no gzip", gzip.compress(b"no record")],
    ids=["cut", "no gzip", "no record"],
)
def test_a_damaged_compressed_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.gz").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.gz; expected a gzip TFRecord file"):
        list(read_gz(tmp_path / "a.gz"))


def test_framing_is_that_of_tensorflow() -> None:
    """The bytes that ``tf.io.TFRecordWriter`` writes for ``abc``."""
    assert framed(b"abc").hex() == "0300000000000000b099490e6162636e57f121"


@given(st.lists(st.binary(max_size=300)))
def test_records_come_back(written: list[bytes]) -> None:
    assert list(read_records(b"".join(map(framed, written)))) == written


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=4), st.data())
def test_a_changed_or_missing_byte_is_noticed(written: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(map(framed, written))
    place = data.draw(st.integers(0, len(whole) - 1))
    changed = whole[:place] + bytes([whole[place] ^ data.draw(st.integers(1, 255))]) + whole[place + 1 :]
    with pytest.raises(ValueError, match="corrupted record at"):
        list(read_records(changed))
    cut = whole[:place]
    ends = {sum(map(len, map(framed, written[:count]))) for count in range(len(written))}
    if place not in ends:
        with pytest.raises(ValueError, match="corrupted record at"):
            list(read_records(cut))

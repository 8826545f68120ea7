"""Our stateless HPACK against the ``hpack`` library, on generated fields."""

from __future__ import annotations

import hpack as library
import pytest
from hpack.table import HeaderTable
from hypothesis import given
from hypothesis import strategies as st

from serving.http2 import hpack
from serving.http2.hpack.write import integer

_STATIC = st.sampled_from([tuple(entry) for entry in HeaderTable.STATIC_TABLE])
_NAME = st.one_of(st.binary(min_size=1, max_size=40), _STATIC.map(lambda entry: entry[0]))
_FIELD = st.one_of(_STATIC, st.tuples(_NAME, st.binary(max_size=300)))
FIELDS = st.lists(_FIELD, max_size=20)


def encoder(*, stateless: bool) -> library.Encoder:
    found = library.Encoder()
    if stateless:
        found.header_table_size = 0
    return found


@given(FIELDS)
def test_the_library_reads_what_we_write(fields: list[tuple[bytes, bytes]]) -> None:
    assert list(library.Decoder().decode(hpack.block(fields), raw=True)) == fields


@given(FIELDS, st.booleans())
def test_we_read_what_the_library_writes_without_a_table(
    fields: list[tuple[bytes, bytes]], huffman: bool
) -> None:
    writer = encoder(stateless=True)
    for _ in range(2):  # The first block begins with the update of the table's size.
        assert hpack.fields(writer.encode(fields, huffman=huffman)) == fields


@given(FIELDS, FIELDS, st.booleans())
def test_blocks_with_a_table_become_blocks_without(
    first: list[tuple[bytes, bytes]], second: list[tuple[bytes, bytes]], huffman: bool
) -> None:
    writer, reader = encoder(stateless=False), hpack.EarlyDecoder(1 << 20)
    for fields in (first, second, first):
        assert hpack.fields(reader.stateless(writer.encode(fields, huffman=huffman))) == fields


@given(FIELDS, st.booleans())
def test_wanted_fields_are_the_first_of_their_names(fields: list[tuple[bytes, bytes]], huffman: bool) -> None:
    block = encoder(stateless=True).encode(fields, huffman=huffman)
    wanted = {name for name, _ in fields[::2]}
    expected = {name: value for name, value in reversed(fields) if name in wanted}
    assert hpack.find(block, wanted) == expected


@given(FIELDS, FIELDS)
def test_blocks_are_joined_by_writing_one_after_the_other(
    first: list[tuple[bytes, bytes]], second: list[tuple[bytes, bytes]]
) -> None:
    assert hpack.fields(hpack.block(first) + hpack.block(second)) == first + second


@given(st.binary(max_size=200))
def test_any_bytes_are_fields_or_an_error_as_in_the_library(block: bytes) -> None:
    try:
        found = hpack.fields(block)
    except hpack.HeaderBlockError:
        return
    reader = library.Decoder()
    reader.max_allowed_table_size = 0
    reader.header_table_size = 0
    assert list(reader.decode(block, raw=True)) == found
    assert hpack.find(block, {name for name, _ in found}) == dict(reversed(found))


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_any_bytes_with_a_table_are_rewritten_or_an_error(first: bytes, second: bytes) -> None:
    reader = hpack.EarlyDecoder(1 << 20)
    for block in (first, second):
        try:
            hpack.fields(reader.stateless(block))
        except hpack.HeaderBlockError:
            return


@given(st.integers(0, 2**28), st.integers(1, 8))
def test_integers_are_the_librarys(value: int, bits: int) -> None:
    assert integer(value, bits) == bytes(library.hpack.encode_integer(value, bits))


@pytest.mark.parametrize(
    ("block", "text"),
    [
        pytest.param(b"\xbe", "no table", id="dynamic index"),
        pytest.param(b"\x80", "no table", id="index 0"),
        pytest.param(b"\x7e\x00", "no table", id="dynamic name"),
        pytest.param(b"\x3f\xe1\x1f", "size update", id="table of 4096"),
        pytest.param(b"\x82\x20", "after a field", id="late size update"),
        pytest.param(b"\x00\x05ab", "within a text", id="cut name"),
        pytest.param(b"\x00\x01a", "within a field", id="no value"),
        pytest.param(b"\x00\x7f\xff\xff\xff\xff\xff\xff\x01", "too large", id="endless integer"),
        pytest.param(b"\x00\x01a\x81\x00", "Huffman", id="broken padding"),
    ],
)
def test_malformed_blocks_say_what_is_wrong(block: bytes, text: str) -> None:
    with pytest.raises(hpack.HeaderBlockError, match=text):
        hpack.fields(block)


def test_a_small_block_of_many_fields_is_refused_by_their_size() -> None:
    with pytest.raises(hpack.HeaderBlockError, match="more than 1000 bytes"):
        hpack.fields(b"\x82" * 60, 1000)


def test_what_must_never_be_indexed_stays_so() -> None:
    block = library.Encoder().encode([library.NeverIndexedHeaderTuple(b"token", b"x")])
    rewritten = hpack.EarlyDecoder(1000).stateless(block)
    assert isinstance(
        next(iter(library.Decoder().decode(rewritten, raw=True))), library.NeverIndexedHeaderTuple
    )

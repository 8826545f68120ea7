"""Frames as they are written, read back by their layout in RFC 9113."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.http2 import frames


def split(data: bytes) -> list[tuple[int, int, int, bytes]]:
    found = []
    while data:
        length = int.from_bytes(data[:3], "big")
        found.append((data[3], data[4], int.from_bytes(data[5:9], "big"), data[9 : 9 + length]))
        assert len(data) >= 9 + length
        data = data[9 + length :]
    return found


@given(st.binary(max_size=200), st.integers(1, 50), st.booleans(), st.integers(1, frames.LARGEST))
def test_a_large_block_continues(block: bytes, largest: int, end: bool, number: int) -> None:
    found = split(frames.headers(number, block, end=end, largest=largest))
    assert b"".join(one[3] for one in found) == block
    assert [one[0] for one in found] == [frames.HEADERS] + [frames.CONTINUATION] * (len(found) - 1)
    assert [bool(one[1] & frames.END_HEADERS) for one in found] == [False] * (len(found) - 1) + [True]
    assert bool(found[0][1] & frames.END_STREAM) is end
    assert all(one[2] == number and len(one[3]) <= largest for one in found)


@given(st.dictionaries(st.integers(0, 65535), st.integers(0, 2**32 - 1), max_size=20))
def test_settings_come_back(values: dict[int, int]) -> None:
    ((kind, flags, number, payload),) = split(frames.settings(values))
    assert (kind, flags, number) == (frames.SETTINGS, 0, 0)
    assert frames.read_settings(payload) == values


@given(st.integers(1, frames.LARGEST), st.integers(0, 2**32 - 1))
def test_single_numbers_are_where_they_belong(number: int, value: int) -> None:
    assert split(frames.reset(number, value)) == [(frames.RST_STREAM, 0, number, value.to_bytes(4, "big"))]
    assert split(frames.window_update(number, value))[0][3] == value.to_bytes(4, "big")
    goodbye = split(frames.go_away(number, value, b"why"))[0]
    assert goodbye == (
        frames.GOAWAY,
        0,
        0,
        number.to_bytes(4, "big") + value.to_bytes(4, "big") + b"why",
    )


@given(st.binary(max_size=50), st.integers(0, 255))
def test_padding_is_removed_or_refused(data: bytes, padding: int) -> None:
    assert frames.without_padding(bytes([padding]) + data + bytes(padding)) == data
    if padding > len(data):
        with pytest.raises(frames.ConnectionFault):
            frames.without_padding(bytes([padding]) + data)

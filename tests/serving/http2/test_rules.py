"""Rules of HTTP/2 that clients turned out to insist on."""

from __future__ import annotations

import asyncio
import struct

from serving.http2 import frames, hpack
from tests.serving.http2.running import ECHO, Raw, running
from tests.serving.http2.test_server import run

HEAD = [
    (b":method", b"POST"),
    (b":scheme", b"http"),
    (b":path", ECHO),
    (b"content-type", b"application/grpc"),
    (b"te", b"trailers"),
]


def call(number: int, *more: tuple[bytes, bytes], data: bytes = b"\0\0\0\0\1x") -> bytes:
    """Returns the frames of a whole call."""
    block = hpack.block([*HEAD, *more])
    return (
        frames.headers(number, block, end=False)
        + frames.head(len(data), frames.DATA, frames.END_STREAM, number)
        + data
    )


def test_after_a_client_gives_up_its_table_the_next_block_says_so() -> None:
    """RFC 9113, 4.3.1; nghttp2 ends the connection otherwise."""

    async def work() -> None:
        async with running() as (_, port):
            raw = await Raw.connect(port)
            raw.send(frames.settings({frames.HEADER_TABLE_SIZE: 0}) + call(1) + call(3))
            first = await raw.until(frames.HEADERS)
            assert first[3][:1] == b"\x20"
            await raw.until(frames.HEADERS, frames.END_STREAM)
            assert (await raw.until(frames.HEADERS))[3][:1] != b"\x20"
            raw.close()

    run(work())


def test_settings_are_acknowledged_before_the_data_that_they_allow() -> None:
    async def work() -> None:
        async with running() as (_, port):
            raw = await Raw.connect(port)
            raw.send(frames.settings({frames.INITIAL_WINDOW_SIZE: 0}) + call(1))
            await raw.until(frames.HEADERS)
            raw.send(frames.settings({frames.INITIAL_WINDOW_SIZE: 3}))
            kind, flags, _, _ = await raw.frame()
            assert (kind, flags) == (frames.SETTINGS, frames.ACK)
            assert (await raw.frame())[3] == b"\0\0\0"
            raw.close()

    run(work())


def test_a_content_length_that_is_no_sane_number_ends_only_its_stream() -> None:
    async def work() -> None:
        async with running() as (_, port):
            raw = await Raw.connect(port)
            for number, value in ((1, b"9" * 6000), (3, b"-1"), (5, b"7"), (7, "٣".encode())):
                raw.send(call(number, (b"content-length", value)))
                _, _, stream, code = await raw.until(frames.RST_STREAM)
                assert (stream, struct.unpack(">I", code)[0]) == (number, frames.PROTOCOL_ERROR)
            raw.send(call(9, (b"content-length", b"6")))
            assert (await raw.until(frames.DATA))[2:] == (9, b"\0\0\0\0\1x")
            raw.close()

    run(work())


def test_what_is_no_grpc_is_answered_at_its_end() -> None:
    async def work() -> None:
        async with running() as (_, port):
            raw = await Raw.connect(port)
            block = hpack.block([(b":method", b"PUT"), (b":scheme", b"http"), (b":path", b"/x")])
            raw.send(frames.headers(1, block, end=False) + frames.head(3, frames.DATA, 0, 1) + b"abc")
            raw.send(frames.ping(b"12345678"))
            await raw.until(frames.PING, frames.ACK)
            raw.send(frames.head(0, frames.DATA, frames.END_STREAM, 1))
            answer = await raw.until(frames.HEADERS)
            assert hpack.fields(answer[3])[0] == (b":status", b"405")
            raw.close()

    run(work())


def test_a_message_in_every_cut_comes_back() -> None:
    data = b"\0\0\0\0\5hello"

    async def work() -> None:
        async with running() as (_, port):
            raw = await Raw.connect(port)
            number = -1
            for cut in range(len(data) + 1):
                number += 2
                head = frames.headers(number, hpack.block(HEAD), end=False)
                parts = frames.head(cut, frames.DATA, 0, number) + data[:cut]
                parts += frames.head(len(data) - cut, frames.DATA, frames.END_STREAM, number) + data[cut:]
                for byte in head + parts:
                    raw.send(bytes([byte]))
                await asyncio.sleep(0)
                assert (await raw.until(frames.DATA))[2:] == (number, data)
            raw.close()

    run(work())

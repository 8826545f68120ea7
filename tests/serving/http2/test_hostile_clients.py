"""What a hostile client may do to the server: it is cut off, holds little memory, and nobody else notices."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import os
import ssl
import tracemalloc
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from serving.http.budget import Budget
from serving.http2 import frames, hpack
from serving.http2.call import Call
from serving.http2.client import ClientConnection
from serving.http2.limits import Limits
from serving.http2.server import Server
from tests.serving.certificates import certificates
from tests.serving.http2.running import ECHO, Raw, client_of, listener, running
from tests.serving.http2.test_rules import HEAD, call
from tests.serving.http2.test_server import run

SLEEP = b"/test.Echo/Sleep"
BIG = b"/test.Echo/Big"
MEGABYTE = 1 << 20
CALM = frames.ENHANCE_YOUR_CALM


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lingers a tenth of the time."""
    monkeypatch.setattr("serving.http2.connection._LINGER_SECONDS", 0.1)


async def _sleep(call: Call) -> bytes:
    await asyncio.sleep(60)
    return b""


METHODS = {ECHO: lambda call: call.message, SLEEP: _sleep, BIG: lambda call: bytes(int(call.message))}


@contextlib.asynccontextmanager
async def attacked(limits: Limits | None = None) -> AsyncIterator[tuple[Server, int]]:
    """A server with a bystander, who calls all the time; fails if a call of the bystander does."""
    async with running(METHODS, limits=limits or Limits()) as (server, port), client_of(port) as bystander:
        calls = asyncio.create_task(_calls(bystander))
        yield server, port
        # Once more, after it all.
        assert (await bystander.call(ECHO, b"still there")).message == b"still there"
        calls.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await calls


async def _calls(client: ClientConnection) -> None:
    while True:
        assert (await client.call(ECHO, b"hello")).message == b"hello"
        await asyncio.sleep(0.001)


async def pour(raw: Raw, data: bytes, times: int) -> None:
    """Sends the same again and again, until the server has enough."""
    with contextlib.suppress(ConnectionError):
        for _ in range(times):
            raw.send(data)
            await raw.writer.drain()


async def end_of(raw: Raw) -> int | None:
    """Returns the code of the GOAWAY that ended the connection; None if it ended without one."""
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        return await raw.goodbye()
    return None


def head(number: int, *more: tuple[bytes, bytes], path: bytes = ECHO, end: bool = False) -> bytes:
    fields = [(name, path if name == b":path" else value) for name, value in HEAD]
    return frames.headers(number, hpack.block([*fields, *more]), end=end)


def rapid_resets() -> bytes:
    """CVE-2023-44487: calls that are reset at once, which no limit of concurrent streams sees."""
    return b"".join(head(n, path=SLEEP) + frames.reset(n, frames.CANCEL) for n in range(1, 8001, 2))


def made_resets() -> bytes:
    """CVE-2025-8671: the server is made to reset, by a window update of 0."""
    return b"".join(head(n, path=SLEEP) + frames.window_update(n, 0) for n in range(1, 8001, 2))


def refused_streams() -> bytes:
    """More calls than streams, again and again: each is refused."""
    return b"".join(head(n, path=SLEEP) for n in range(1, 10_001, 2))


def continuations() -> bytes:
    """CVE-2024-27316: a header block that never ends."""
    more = frames.head(1000, frames.CONTINUATION, 0, 1) + bytes(1000)
    return frames.head(3, frames.HEADERS, 0, 1) + b"\x83\x86\x84" + more * 1000


def empty_continuations() -> bytes:
    """The same without a byte."""
    return (
        frames.head(3, frames.HEADERS, 0, 1)
        + b"\x83\x86\x84"
        + frames.head(0, frames.CONTINUATION, 0, 1) * 50_000
    )


FLOODS: dict[str, Callable[[], bytes]] = {
    "pings": lambda: frames.ping(b"12345678") * 50_000,
    "acknowledged pings": lambda: frames.ping(b"12345678", ack=True) * 50_000,
    "settings": lambda: frames.settings({}) * 50_000,
    "settings that move the window": lambda: b"".join(
        frames.settings({frames.INITIAL_WINDOW_SIZE: n % 2 * 60_000}) for n in range(50_000)
    ),
    "priorities": lambda: (frames.head(5, frames.PRIORITY, 0, 3) + bytes(5)) * 50_000,
    "unknown frames": lambda: frames.head(0, 0x42, 0, 0) * 50_000,
    "window updates": lambda: frames.window_update(0, 1) * 50_000,
    "window updates of a stream": lambda: head(1, path=SLEEP) + frames.window_update(1, 1) * 50_000,
    "empty data": lambda: head(1, path=SLEEP) + frames.head(0, frames.DATA, 0, 1) * 50_000,
    "data that is all padding": lambda: (
        head(1, path=SLEEP)
        + (frames.head(256, frames.DATA, frames.PADDED, 1) + b"\xff" + bytes(255)) * 20_000
    ),
    "goodbyes": lambda: frames.go_away(0, 0) * 50_000,
    "rapid resets": rapid_resets,
    "resets that we are made to send": made_resets,
    "refused streams": refused_streams,
    "continuations": continuations,
    "empty continuations": empty_continuations,
}


@pytest.mark.parametrize("flood", FLOODS)
def test_a_flood_ends_the_connection_and_nobody_else_notices(flood: str) -> None:
    async def work() -> None:
        async with attacked(Limits(streams=100)) as (server, port):
            raw = await Raw.connect(port)
            data = FLOODS[flood]()
            sending = asyncio.create_task(pour(raw, data, 1))
            assert await end_of(raw) in (CALM, None, frames.NO_ERROR if flood == "goodbyes" else CALM)
            sending.cancel()
            raw.close()
            await gone(server, 1)

    run(work())


async def gone(server: Server, left: int) -> None:
    """Waits until the server has only so many connections left."""
    while len(server.shared.connections) > left:
        await asyncio.sleep(0.02)


BOMBS = {
    "one field again and again": hpack.block([*HEAD, *[(b"a", b"")] * 8000]),
    "names of the static table": hpack.block(HEAD) + b"\x90" * 60_000,
    "a huge value": hpack.block([*HEAD, (b"x", bytes(70_000).replace(b"\0", b"v"))]),
    "a length beyond the block": hpack.block(HEAD) + b"\x00\x7f\xff\xff\xff\x07",
    "an integer without an end": hpack.block(HEAD) + b"\xff" * 5000,
    "table updates": b"\x20" * 30_000 + hpack.block(HEAD),
    "a table update to 1 GiB": b"\x3f\xe1\xff\xff\xff\x03" + hpack.block(HEAD),
    "references to a table that is not there": b"\xbe" * 100 + hpack.block(HEAD),
}
"""Each is sent as HEADERS and CONTINUATION."""


@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize("bomb", BOMBS)
def test_a_header_bomb_is_refused(bomb: str, early: bool) -> None:
    """Early: while the client may still use a dynamic table."""

    async def work() -> None:
        async with attacked() as (server, port):
            raw = await Raw.connect(port, greet=not early)
            if early:
                raw.send(frames.PREFACE + frames.settings({}))
            raw.send(frames.headers(1, BOMBS[bomb], end=False))
            raw.send(call(3))
            if bomb == "table updates":  # Odd, but allowed, and harmless.
                assert (await raw.until(frames.DATA))[2] == 3
            else:
                assert await end_of(raw) in (frames.COMPRESSION_ERROR, CALM)
            raw.close()
            await gone(server, 1)

    run(work())


def test_a_dynamic_table_is_no_bomb() -> None:
    """One large entry of the table, referred to by each byte of a block: 4 KB each, 60 MB in all."""

    async def work() -> None:
        async with attacked() as (server, port):
            raw = await Raw.connect(port, greet=False)
            entry = b"\x40\x01x" + b"\x7f" + b"\x81\x1e" + b"v" * 4000
            raw.send(
                frames.PREFACE + frames.settings({}) + frames.headers(1, entry + b"\xbe" * 15_000, end=True)
            )
            assert await end_of(raw) in (frames.COMPRESSION_ERROR, CALM)
            await gone(server, 1)

    run(work())


def test_a_client_that_never_opens_its_window_holds_little_and_is_let_go() -> None:
    limits = Limits(streams=100, stalled_seconds=1.0)

    async def work() -> None:
        async with attacked(limits) as (_, port):
            raw = await Raw.connect(port)
            raw.send(frames.settings({frames.INITIAL_WINDOW_SIZE: 0}))
            tracemalloc.start()
            raw.send(b"".join(call(n) for n in range(1, 201, 2)))
            seen = 0
            while seen < 100:
                _, _, _, code = await raw.until(frames.RST_STREAM)
                seen += int.from_bytes(code, "big") == CALM
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert peak < 8 * MEGABYTE
            raw.close()

    run(work())


def test_a_client_that_does_not_read_cannot_make_us_keep_its_answers() -> None:
    """It asks for 100 MB, a megabyte each, and takes none: what waits is bounded by the budget and ends with the stall."""
    limits = Limits(streams=100, stalled_seconds=1.0)

    async def work() -> None:
        async with attacked(limits) as (server, port):
            raw = await Raw.connect(port)
            raw.send(
                frames.settings({frames.INITIAL_WINDOW_SIZE: 2**31 - 1}) + frames.window_update(0, 2**30)
            )
            size = b"%d" % MEGABYTE
            data = b"\0" + len(size).to_bytes(4, "big") + size
            for n in range(1, 201, 2):
                block = head(n, path=BIG) + frames.head(len(data), frames.DATA, frames.END_STREAM, n) + data
                raw.send(block)
            while any(connection.streams for connection in server.shared.connections):
                await asyncio.sleep(0.05)
            raw.close()

    run(work())


def test_a_client_that_never_acknowledges_our_settings_is_let_go() -> None:
    async def work() -> None:
        async with attacked(Limits(handshake_seconds=0.5)) as (_, port):
            raw = await Raw.connect(port, greet=False)
            raw.send(frames.PREFACE + frames.settings({}) + call(1))
            assert (await raw.until(frames.DATA))[2] == 1
            assert await end_of(raw) == frames.SETTINGS_TIMEOUT

    run(work())


def test_a_header_block_that_takes_too_long_ends_the_connection() -> None:
    async def work() -> None:
        async with attacked(Limits(handshake_seconds=0.5)) as (_, port):
            raw = await Raw.connect(port)
            raw.send(frames.head(1, frames.HEADERS, 0, 1) + b"\x83")
            assert await end_of(raw) == frames.SETTINGS_TIMEOUT

    run(work())


def test_silence_ends_the_connection() -> None:
    async def work() -> None:
        async with attacked(Limits(handshake_seconds=0.5)) as (server, port):
            silent = [await Raw.connect(port, greet=False) for _ in range(20)]
            await gone(server, 1)
            for raw in silent:
                raw.close()

    run(work())


@pytest.mark.parametrize(
    "begin",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /v1/models/m:predict HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n",
        bytes(100),
        b"\xff" * 100_000,
    ],
)
def test_what_is_no_preface_ends_the_connection(begin: bytes) -> None:
    async def work() -> None:
        async with attacked() as (server, port):
            raw = await Raw.connect(port, greet=False)
            raw.send(begin)
            with contextlib.suppress(ConnectionError):
                assert len(await raw.reader.read()) < 1000
            await gone(server, 1)
            raw.close()

    run(work())


def test_random_bytes_after_the_preface() -> None:
    async def work() -> None:
        async with attacked() as (server, port):
            for _ in range(30):
                raw = await Raw.connect(port)
                raw.send(os.urandom(2000))
                raw.writer.write_eof()
                with contextlib.suppress(ConnectionError):
                    await raw.reader.read()
                raw.close()
            await gone(server, 1)

    run(work())


def test_deadlines_and_cancelled_calls_are_no_attack_while_most_calls_are_answered() -> None:
    """An arm that hangs makes its clients reset; that must not end the connection that other arms are asked on."""

    async def work() -> None:
        async with attacked(Limits(resets=10, resets_per_second=0)) as (_, port):
            raw = await Raw.connect(port)
            for n in range(1, 4001, 8):
                raw.send(call(n) + call(n + 2) + head(n + 4, path=SLEEP) + frames.reset(n + 4, frames.CANCEL))
            raw.send(frames.ping(b"12345678"))
            await raw.until(frames.PING, frames.ACK)
            raw.close()

    run(work())


def test_small_window_updates_after_each_answer_are_no_attack() -> None:
    async def work() -> None:
        async with attacked(Limits(controls=10, controls_per_second=0)) as (_, port):
            raw = await Raw.connect(port)
            for n in range(1, 4001, 2):
                raw.send(call(n) + frames.window_update(0, 6) + frames.window_update(n, 6))
            raw.send(call(4001))
            while (await raw.until(frames.DATA))[2] < 4001:
                pass
            raw.close()

    run(work())


def _zipped(number: int, size: int) -> bytes:
    """A call whose message is this many zeros, compressed to a thousandth."""
    packed = gzip.compress(bytes(size), 9)
    data = b"\1" + len(packed).to_bytes(4, "big") + packed
    parts = [head(number, (b"grpc-encoding", b"gzip"))]
    for start in range(0, len(data), frames.DEFAULT_FRAME_BYTES):
        part = data[start : start + frames.DEFAULT_FRAME_BYTES]
        last = start + frames.DEFAULT_FRAME_BYTES >= len(data)
        parts += (frames.head(len(part), frames.DATA, int(last), number), part)
    return b"".join(parts)


def test_a_gzip_bomb_ends_at_the_budget() -> None:
    async def work() -> None:
        budget = Budget(2 * MEGABYTE)
        async with running(METHODS, budget=budget) as (_, port):
            raw = await Raw.connect(port)
            for number, size in ((1, 12 * MEGABYTE), (3, 60 * MEGABYTE)):  # On the loop, and in a thread.
                raw.send(_zipped(number, size))
                answer = await raw.until(frames.HEADERS, frames.END_STREAM)
                assert dict(hpack.fields(answer[3]))[b"grpc-status"] == b"8"
            raw.close()
            while budget.taken:
                await asyncio.sleep(0.01)
            assert budget.peak <= 2 * MEGABYTE

    run(work())


def test_a_client_that_leaves_while_its_message_is_inflated_takes_nothing_along() -> None:
    async def work() -> None:
        budget = Budget(200 * MEGABYTE)
        async with running(METHODS, budget=budget) as (_, port):
            for _ in range(5):
                raw = await Raw.connect(port)
                raw.send(_zipped(1, 30 * MEGABYTE) + frames.reset(1, frames.CANCEL))
                raw.send(frames.ping(b"12345678"))
                await raw.until(frames.PING, frames.ACK)
                raw.close()
            while budget.taken:
                await asyncio.sleep(0.01)

    run(work())


def test_half_a_tls_handshake_is_dropped_and_others_are_served(tmp_path: Path) -> None:
    certificates(tmp_path / "tls")
    server_side = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server_side.load_cert_chain(tmp_path / "tls/tls.crt", tmp_path / "tls/tls.key")
    server_side.set_alpn_protocols(["h2"])
    client_side = ssl.create_default_context(cafile=str(tmp_path / "tls/ca.crt"))
    client_side.set_alpn_protocols(["h2"])
    client_side.check_hostname = False

    async def work() -> None:
        server = Server(METHODS)
        server.tls_seconds = 0.5
        own = listener()
        port = own.getsockname()[1]
        await server.start([own], tls=server_side)
        halves = [await Raw.connect(port, greet=False) for _ in range(50)]
        for number, half in enumerate(halves):
            half.send(
                (b"", b"\x16\x03\x01", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(32))[
                    number % 3
                ]
            )
        async with client_of(port, tls=client_side) as bystander:
            assert (await bystander.call(ECHO, b"hello")).message == b"hello"
            for half in halves:
                with contextlib.suppress(ConnectionError):
                    await half.reader.read()
                half.close()
            assert (await bystander.call(ECHO, b"hello")).message == b"hello"
        await server.stop()

    run(work())

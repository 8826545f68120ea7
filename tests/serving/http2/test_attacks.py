"""What a peer can do that costs us more than it: all of it is bounded, and other clients do not notice."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import TYPE_CHECKING

import pytest

from serving.http.budget import Budget
from serving.http2 import frames, hpack
from serving.http2.limits import Limits
from tests.serving.http2.running import ECHO, Raw, client_of, running

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from serving.http2.call import Call

HEAD = hpack.block(
    [
        (b":method", b"POST"),
        (b":scheme", b"http"),
        (b":path", ECHO),
        (b"content-type", b"application/grpc"),
        (b"te", b"trailers"),
    ]
)


def run(work: Coroutine[None, None, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 30))


def request(number: int) -> bytes:
    return frames.headers(number, HEAD, end=False)


def data(number: int, payload: bytes, flags: int = frames.END_STREAM) -> bytes:
    return frames.head(len(payload), frames.DATA, flags, number) + payload


def rapid_reset(n: int) -> bytes:
    return request(2 * n + 1) + frames.reset(2 * n + 1, frames.CANCEL)


def made_to_reset(n: int) -> bytes:
    """The client makes the server reset: a window update of 0 (CVE-2025-8671)."""
    return request(2 * n + 1) + frames.window_update(2 * n + 1, 0)


def empty_data(n: int) -> bytes:
    return (request(1) if n == 0 else b"") + data(1, b"", 0)


def empty_continuation(n: int) -> bytes:
    return (
        frames.head(len(HEAD), frames.HEADERS, 0, 1) + HEAD
        if n == 0
        else frames.head(0, frames.CONTINUATION, 0, 1)
    )


def large_continuation(n: int) -> bytes:
    block = hpack.field(b"x", b"y" * 10_000)
    return frames.head(len(block), frames.HEADERS if n == 0 else frames.CONTINUATION, 0, 1) + block


def priority(n: int) -> bytes:
    return frames.head(5, frames.PRIORITY, 0, 2 * n + 1) + bytes(5)


FLOODS: list[Callable[[int], bytes]] = [
    rapid_reset,
    made_to_reset,
    empty_data,
    empty_continuation,
    large_continuation,
    priority,
    lambda n: frames.ping(bytes(8)),
    lambda n: frames.settings({frames.INITIAL_WINDOW_SIZE: 65535}),
    lambda n: frames.head(3, 0x77, 0, 0) + b"abc",
]
IDS = ["rapid reset", "made to reset", "empty data", "empty continuation", "large continuation", "priority", "ping", "settings", "unknown"]  # fmt: skip


@pytest.mark.parametrize("flood", FLOODS, ids=IDS)
def test_a_flood_ends_its_connection_and_no_other(flood: Callable[[int], bytes]) -> None:
    limits = Limits(resets=50, controls=50, resets_per_second=0, controls_per_second=0)

    async def never(call: Call) -> bytes:
        await asyncio.sleep(60)
        return b""

    async def work() -> None:
        async with running({ECHO: never, b"/a/b": lambda call: call.message}, limits=limits) as (_, port):
            raw = await Raw.connect(port)
            async with client_of(port) as other:
                raw.send(b"".join(flood(n) for n in range(100)))
                assert await raw.goodbye() == frames.ENHANCE_YOUR_CALM
                assert (await other.call(b"/a/b", b"fine")).message == b"fine"

    run(work())


def test_a_bomb_of_indexed_fields_is_refused_before_it_grows() -> None:
    """Before the acknowledgement a client may use a table: one large entry, named many times."""

    async def work() -> None:
        async with running() as (_, port):
            raw = await Raw.connect(port, greet=False)
            bomb = b"\x40\x01a\x7f\xa1\x1e" + b"y" * 4000 + b"\xbe" * 12_000
            raw.send(frames.PREFACE + frames.settings({}) + frames.headers(1, bomb, end=True))
            assert await raw.goodbye() == frames.COMPRESSION_ERROR

    run(work())


def test_no_more_streams_than_announced() -> None:
    async def never(call: Call) -> bytes:
        await asyncio.sleep(60)
        return b""

    async def work() -> None:
        async with running({ECHO: never}, limits=Limits(streams=3)) as (_, port):
            raw = await Raw.connect(port)
            raw.send(b"".join(request(number) for number in (1, 3, 5, 7)))
            assert await raw.until(frames.RST_STREAM) == (frames.RST_STREAM, 0, 7, b"\0\0\0\7")
            raw.close()

    run(work())


def test_a_client_that_takes_nothing_loses_its_stream_and_the_memory_is_free_again() -> None:
    """A window of 0, and never an update."""
    budget = Budget(1_000_000)

    async def work() -> None:
        limits = Limits(stalled_seconds=0.5)
        methods = {ECHO: lambda call: b"x" * 200_000}
        async with running(methods, limits=limits, budget=budget) as (_, port):
            raw = await Raw.connect(port)
            raw.send(frames.settings({frames.INITIAL_WINDOW_SIZE: 0}) + request(1) + data(1, bytes(5)))
            await raw.until(frames.HEADERS)
            assert budget.taken == 200_000
            assert (await raw.until(frames.RST_STREAM))[3] == frames.ENHANCE_YOUR_CALM.to_bytes(4, "big")
            assert budget.taken == 0
            raw.close()

    run(work())


def test_a_client_that_does_not_finish_its_message_loses_its_stream() -> None:
    budget = Budget(1_000_000)

    async def work() -> None:
        async with running(limits=Limits(stalled_seconds=0.5), budget=budget) as (_, port):
            raw = await Raw.connect(port)
            raw.send(request(1) + data(1, b"\0\0\0\1\0" + bytes(100), 0))
            assert (await raw.until(frames.RST_STREAM))[2] == 1
            assert budget.taken == 0
            raw.close()

    run(work())


@pytest.mark.parametrize(
    "sent", [b"", frames.PREFACE[:10], frames.PREFACE], ids=["nothing", "half", "preface"]
)
def test_a_client_that_does_not_greet_is_dropped(sent: bytes) -> None:
    async def work() -> None:
        async with running(limits=Limits(handshake_seconds=0.3)) as (_, port):
            raw = await Raw.connect(port, greet=False)
            raw.send(sent)
            assert await raw.goodbye() == frames.SETTINGS_TIMEOUT

    run(work())


def test_a_client_that_does_not_read_acknowledgements_is_dropped() -> None:
    """Nothing is read, so the socket fills; then what waits for it is bounded."""

    async def work() -> None:
        limits = Limits(controls=10_000_000, unread_bytes=100_000)
        async with running(limits=limits) as (server, port):
            raw = await Raw.connect(port)
            raw.writer.transport.pause_reading()  # type: ignore[attr-defined]
            pings = frames.ping(bytes(8)) * 10_000
            with pytest.raises(ConnectionError):
                for _ in range(1000):
                    raw.send(pings)
                    await raw.writer.drain()
            assert not server.shared.connections

    run(work())


def test_messages_of_all_clients_share_a_budget() -> None:
    async def work() -> None:
        async with running(budget=Budget(150_000)) as (server, port):
            one, two = await Raw.connect(port), await Raw.connect(port)
            begun = b"\0\0\1\x86\xa0" + bytes(90_000)
            pieces = [begun[start : start + 16_000] for start in range(0, len(begun), 16_000)]
            one.send(request(1) + b"".join(data(1, piece, 0) for piece in pieces))
            while server.shared.budget.taken < 90_000:
                await asyncio.sleep(0.01)
            two.send(request(1) + b"".join(data(1, piece, 0) for piece in pieces))
            block = (await two.until(frames.HEADERS))[3]
            assert hpack.find(block, {b"grpc-status"}) == {b"grpc-status": b"8"}
            one.close()
            while server.shared.budget.taken:
                await asyncio.sleep(0.01)
            two.close()

    run(work())


def test_a_client_that_leaves_stops_its_call() -> None:
    stopped = asyncio.Event()

    async def never(call: Call) -> bytes:
        try:
            await asyncio.sleep(60)
        finally:
            stopped.set()
        return b""

    async def work() -> None:
        async with running({ECHO: never}) as (server, port):
            raw = await Raw.connect(port)
            raw.send(request(1) + data(1, bytes(5)))
            while server.shared.budget.taken or not server.shared.connections:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.05)
            raw.writer.transport.abort()
            await stopped.wait()

    run(work())


class Large:
    """Something that a call holds."""


def test_what_a_client_leaves_behind_is_freed_without_a_collection() -> None:
    held: list[weakref.ref[Large]] = []

    async def never(call: Call) -> bytes:
        large = Large()
        held.append(weakref.ref(large))
        await asyncio.sleep(60)
        return repr(large).encode()

    async def work() -> None:
        async with running({ECHO: never}) as (_, port):
            raw = await Raw.connect(port)
            raw.send(request(1) + data(1, bytes(5)))
            while not held:
                await asyncio.sleep(0.01)
            raw.writer.transport.abort()
            while held[0]() is not None:
                await asyncio.sleep(0.01)

    gc.disable()
    try:
        run(work())
    finally:
        gc.enable()

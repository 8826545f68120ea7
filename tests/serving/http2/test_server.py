"""The server and our client, on a real socket."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from serving.codes import Code
from serving.http2.call import Call, CallFault, Reply
from serving.http2.limits import Limits
from tests.serving.deadlines import deadlines
from tests.serving.http2.running import ECHO, client_of, echo, running

if TYPE_CHECKING:
    from collections.abc import Coroutine


def run(work: Coroutine[None, None, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 30))


@pytest.mark.parametrize("size", [0, 1, 16_379, 16_380, 70_000, 3_000_000])
def test_a_message_of_any_size_comes_back(size: int) -> None:
    async def work() -> None:
        async with running() as (_, port), client_of(port) as client:
            message = bytes(range(256)) * (size // 256 + 1)
            assert (await client.call(ECHO, message[:size])).message == message[:size]

    run(work())


def test_many_calls_share_a_connection_with_small_windows() -> None:
    small = Limits(streams=10, window=1000, connection_window=70_000)

    async def later(call: Call) -> bytes:
        await asyncio.sleep(0.001)
        return call.message

    async def work() -> None:
        async with running({ECHO: later}, limits=small) as (_, port), client_of(port, limits=small) as client:
            messages = [bytes([n]) * 5000 for n in range(50)]
            answers = await asyncio.gather(*(client.call(ECHO, one) for one in messages))
            assert [one.message for one in answers] == messages

    run(work())


def test_statuses_and_trailing_metadata_arrive() -> None:
    def refuse(call: Call) -> bytes:
        raise CallFault(Code.NOT_FOUND, "no ä % here\n", ((b"why", b"because"),))

    def reply(call: Call) -> Reply:
        return Reply(call.message, ((b"arm", b"a/b"),))

    async def work() -> None:
        async with running({b"/a/b": refuse, b"/a/c": reply}) as (_, port), client_of(port) as client:
            with pytest.raises(CallFault) as refused:
                await client.call(b"/a/b", b"")
            assert (refused.value.code, refused.value.message) == (Code.NOT_FOUND, "no ä % here\n")
            assert (b"why", b"because") in refused.value.trailing
            assert (b"arm", b"a/b") in (await client.call(b"/a/c", b"")).trailing
            with pytest.raises(CallFault, match="Method not found!") as refused:
                await client.call(b"/a/d", b"")
            assert refused.value.code == Code.UNIMPLEMENTED

    run(work())


def test_a_deadline_ends_the_call_at_the_server_too() -> None:
    begun, cancelled = asyncio.Event(), asyncio.Event()

    async def never(call: Call) -> bytes:
        try:
            begun.set()
            await asyncio.sleep(60)
        finally:
            cancelled.set()
        return b""

    async def work() -> None:
        async with running({ECHO: never}) as (_, port), client_of(port) as client:
            for seconds in deadlines(begun.is_set):
                with pytest.raises(CallFault) as late:
                    await client.call(ECHO, b"", timeout=seconds)
                assert late.value.code == Code.DEADLINE_EXCEEDED
            await cancelled.wait()

    run(work())


def test_a_drain_finishes_what_is_in_flight_and_closes() -> None:
    async def slow(call: Call) -> bytes:
        await asyncio.sleep(0.3)
        return call.message

    async def work() -> None:
        async with running({ECHO: slow}) as (server, port), client_of(port) as client:
            answer = asyncio.ensure_future(client.call(ECHO, b"in flight"))
            await asyncio.sleep(0.05)
            await server.stop(10)
            assert (await answer).message == b"in flight"
            with pytest.raises(CallFault, match="closed"):
                await client.call(ECHO, b"too late")

    run(work())


def test_too_large_messages_are_refused_both_ways() -> None:
    async def work() -> None:
        async with running(most_received=10) as (_, port), client_of(port) as client:
            with pytest.raises(CallFault, match=r"larger than max \(11 vs. 10\)") as refused:
                await client.call(ECHO, b"x" * 11)
            assert refused.value.code == Code.RESOURCE_EXHAUSTED
        async with running({ECHO: echo}, most_sent=10) as (_, port), client_of(port) as client:
            with pytest.raises(CallFault, match=r"larger than max \(11 vs. 10\)"):
                await client.call(ECHO, b"x" * 11)

    run(work())

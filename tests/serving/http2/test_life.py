"""How long a connection lives: pings, idle time, age."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from serving.http2 import frames
from serving.http2.limits import Limits
from tests.serving.http2.running import ECHO, Raw, client_of, running

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from serving.http2.call import Call


def run(work: Coroutine[None, None, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 30))


def test_a_silent_client_is_asked_and_dropped_if_it_says_nothing() -> None:
    async def work() -> None:
        async with running(limits=Limits(ping_seconds=0.2, ping_timeout_seconds=0.3)) as (server, port):
            raw = await Raw.connect(port)
            ping = await raw.until(frames.PING)
            raw.send(frames.ping(ping[3], ack=True))
            await raw.until(frames.PING)  # It answered, so it is asked again later; now it does not.
            while server.shared.connections:
                await asyncio.sleep(0.05)

    run(work())


def test_a_client_without_calls_is_sent_away_after_a_while() -> None:
    async def work() -> None:
        async with running(limits=Limits(idle_seconds=0.3)) as (_, port):
            raw = await Raw.connect(port)
            assert await raw.goodbye() == frames.NO_ERROR

    run(work())


def test_an_old_connection_finishes_its_call_and_ends() -> None:
    async def slow(call: Call) -> bytes:
        await asyncio.sleep(0.8)
        return call.message

    async def work() -> None:
        limits = Limits(age_seconds=0.3)
        async with running({ECHO: slow}, limits=limits) as (server, port), client_of(port) as client:
            assert (await client.call(ECHO, b"x")).message == b"x"
            assert client.departing
            while server.shared.connections:
                await asyncio.sleep(0.05)

    run(work())

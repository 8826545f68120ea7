"""The parts of a server with several workers: merged statuses, calls between processes."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from serving.server.metrics.families import Counter, Histogram
from serving.server.models.harness import State, VersionStatus
from serving.server.status import Code, ServingError
from serving.server.workers.merged import add_up, from_wire, merge, to_wire
from serving.server.workers.peer import Peer, PeerGoneError

S, L, A, U, E = State.START, State.LOADING, State.AVAILABLE, State.UNLOADING, State.END
BROKEN = ServingError(Code.DATA_LOSS, "broken")


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([A, A, A], A),
        ([A, L], L),
        ([A, S], L),
        ([A, None], L),
        ([None, None, S], S),
        ([A, U], U),
        ([A, E], U),
        ([E, U], U),
        ([E, E], E),
        ([E, None], E),
        ([L, U], L),
    ],
)
def test_a_version_is_available_only_when_all_have_it(found: list[State | None], expected: State) -> None:
    views = [{7: VersionStatus(7, state)} if state else {} for state in found]
    assert [status.state for status in merge(views)] == [expected]
    assert [status.state for status in merge(views[::-1])] == [expected]


def test_one_workers_error_is_reported() -> None:
    views = [{1: VersionStatus(1, A)}, {1: VersionStatus(1, E, BROKEN)}]
    assert merge(views) == [VersionStatus(1, E, BROKEN)]


def test_versions_are_listed_newest_first() -> None:
    views = [
        {1: VersionStatus(1, E), 3: VersionStatus(3, A)},
        {2: VersionStatus(2, E), 3: VersionStatus(3, A)},
    ]
    assert [status.version for status in merge(views)] == [3, 2, 1]


def test_statuses_survive_sending() -> None:
    sent = to_wire({"m": [VersionStatus(2, A), VersionStatus(1, E, BROKEN)]})
    arrived = from_wire(sent["m"])
    assert arrived[2] == VersionStatus(2, A)
    assert (arrived[1].code, arrived[1].message) == (Code.DATA_LOSS, "broken")


def test_metrics_of_other_processes_are_added() -> None:
    counter, histogram = Counter("c", ("model",)), Histogram("h")
    counter.add(("a",), 2)
    histogram.observe((), 15.0)
    assert counter.joined([counter.series(), {("b",): [5.0]}]).series() == {("a",): [4.0], ("b",): [5.0]}
    assert histogram.joined([histogram.series()]).total() == 2
    assert counter.total() == 2


def test_metrics_of_dead_workers_add_up() -> None:
    total: dict[str, dict[tuple[str, ...], list[float]]] = {}
    for _ in range(3):
        add_up(total, {"c": {("a",): [2.0]}, "h": {(): [1.0, 0.0]}})
    add_up(total, {"c": {("b",): [1.0]}})
    assert total == {"c": {("a",): [6.0], ("b",): [1.0]}, "h": {(): [3.0, 0.0]}}


def talk(scenario: Callable[[Peer, Peer, dict[str, Any]], Awaitable[None]]) -> None:
    async def run() -> None:
        left, right = socket.socketpair()
        handlers: dict[str, Any] = {}
        one, two = await Peer.connect(left, {}), await Peer.connect(right, handlers)
        try:
            await scenario(one, two, handlers)
        finally:
            one.close()
            two.close()

    asyncio.run(asyncio.wait_for(run(), 5))


def test_calls_answers_and_errors() -> None:
    async def scenario(one: Peer, _: Peer, handlers: dict[str, Any]) -> None:
        async def double(number: int) -> int:
            return 2 * number

        async def refuse(_: object) -> None:
            raise BROKEN

        async def fail(_: object) -> None:
            raise KeyError("x")

        handlers.update(double=double, refuse=refuse, fail=fail)
        assert await asyncio.gather(*(one.call("double", n) for n in range(50))) == [2 * n for n in range(50)]
        with pytest.raises(ServingError, match="DATA_LOSS: broken"):
            await one.call("refuse")
        with pytest.raises(ServingError, match="INTERNAL: KeyError"):
            await one.call("fail")
        assert await one.call("double", os.urandom(3_000_000)[:0] or 4) == 8

    talk(scenario)


def test_a_cancelled_call_is_cancelled_in_the_other_process() -> None:
    async def scenario(one: Peer, _: Peer, handlers: dict[str, Any]) -> None:
        begun, ended = asyncio.Event(), asyncio.Event()

        async def wait(_: object) -> None:
            begun.set()
            try:
                await asyncio.sleep(60)
            finally:
                ended.set()

        handlers["wait"] = wait
        call = asyncio.create_task(one.call("wait"))
        await begun.wait()
        call.cancel()
        await ended.wait()

    talk(scenario)


def test_the_end_of_the_other_process_is_noticed() -> None:
    async def scenario(one: Peer, two: Peer, handlers: dict[str, Any]) -> None:
        async def wait(_: object) -> None:
            await asyncio.sleep(60)

        handlers["wait"] = wait
        noticed = asyncio.Event()
        one.when_closed(noticed.set)
        call = asyncio.create_task(one.call("wait"))
        await asyncio.sleep(0.01)
        two.close()
        with pytest.raises(PeerGoneError):
            await call
        await noticed.wait()
        with pytest.raises(PeerGoneError):
            await one.call("wait")

    talk(scenario)

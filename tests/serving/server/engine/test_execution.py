"""The worker threads: hand-over, errors, time limits, cancelling, number of threads. Work is a function here."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator

import pytest

from serving.server.engine.execution import Execution
from serving.server.status import Code, ServingError


@pytest.fixture
def execution() -> Iterator[Execution]:
    execution = Execution(4, few=1)
    yield execution
    execution.close()


def test_work_is_done_in_another_thread(execution: Execution) -> None:
    async def call() -> int:
        return await execution.call(None, threading.get_ident)

    assert asyncio.run(call()) != threading.get_ident()


def test_every_caller_gets_its_own_result(execution: Execution) -> None:
    async def call() -> list[int]:
        return await asyncio.gather(*(execution.call(None, lambda n: n * n, n) for n in range(500)))

    assert asyncio.run(call()) == [n * n for n in range(500)]


def test_an_error_is_raised_where_the_result_is_awaited(execution: Execution) -> None:
    def fail() -> None:
        raise ServingError(Code.ABORTED, "stop")

    async def call() -> None:
        await execution.call(None, fail)

    with pytest.raises(ServingError, match="stop"):
        asyncio.run(call())


def test_quick_work_stays_with_few_threads(execution: Execution) -> None:
    async def call() -> set[int]:
        return set(await asyncio.gather(*(execution.call(None, threading.get_ident) for _ in range(50))))

    assert len(asyncio.run(call())) <= 2


def test_long_work_does_not_delay_the_rest(execution: Execution) -> None:
    barrier = threading.Barrier(4)

    async def call() -> list[int]:
        return await asyncio.gather(*(execution.call(None, barrier.wait, 10) for _ in range(4)))

    assert sorted(asyncio.run(call())) == [0, 1, 2, 3]


def test_no_more_threads_than_allowed(execution: Execution) -> None:
    async def call() -> set[int]:
        def slow() -> int:
            time.sleep(0.01)
            return threading.get_ident()

        return set(await asyncio.gather(*(execution.call(None, slow) for _ in range(20))))

    assert 2 <= len(asyncio.run(call())) <= 4


def test_a_time_limit_ends_the_wait(execution: Execution) -> None:
    gate = threading.Event()

    async def call() -> None:
        try:
            await execution.call(20, gate.wait, 10)
        finally:
            gate.set()

    with pytest.raises(ServingError) as caught:
        asyncio.run(call())
    assert caught.value.code is Code.DEADLINE_EXCEEDED


def test_queued_work_that_is_cancelled_is_not_run() -> None:
    execution = Execution(1)
    gate = threading.Event()
    done: list[int] = []

    async def call() -> None:
        first = asyncio.ensure_future(execution.call(None, gate.wait, 10))
        second = asyncio.ensure_future(execution.call(None, done.append, 2))
        await asyncio.sleep(0.01)
        second.cancel()
        await asyncio.sleep(0)
        gate.set()
        await first

    asyncio.run(call())
    execution.close()
    assert done == []


def test_the_loop_keeps_running_during_work(execution: Execution) -> None:
    async def call() -> int:
        work = asyncio.ensure_future(execution.call(None, time.sleep, 0.1))
        turns = 0
        while not work.done():
            await asyncio.sleep(0.001)
            turns += 1
        return turns

    assert asyncio.run(call()) > 10

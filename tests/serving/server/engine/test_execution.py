"""The worker threads: hand-over, errors, time limits, cancelling, stopping, number of threads. Work is a function."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from serving.server.engine.execution import Execution
from serving.server.engine.stopping import Stop
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


class Fake:
    """A version whose runs take as long as they like: each waits for its gate, or ends when it is stopped."""

    batching = None

    def __init__(self, *, stoppable: bool) -> None:
        self.stoppable = stoppable
        self.gate = threading.Event()
        self.started: list[Stop] = []

    def run(self, signature: Any, feeds: Any, outputs: Any, stop: Stop) -> list[int]:
        self.started.append(stop)
        while not self.gate.wait(0.001):
            if self.stoppable and stop.requested:
                break
        return [1]

    def ask(self, execution: Execution, timeout_ms: int | None = None) -> asyncio.Task[Any]:
        work: Any = execution.run(self, None, {}, (), timeout_ms)  # type: ignore[arg-type]
        return asyncio.ensure_future(work)

    async def busy(self, runs: int) -> None:
        while len(self.started) < runs:
            await asyncio.sleep(0.001)


def threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name.startswith("session-")}


@pytest.mark.parametrize("leave", ["time is up", "cancelled"])
def test_runs_that_nobody_waits_for_are_stopped(execution: Execution, leave: str) -> None:
    version = Fake(stoppable=True)

    async def call() -> None:
        limit = 50 if leave == "time is up" else None
        runs = [version.ask(execution, limit) for _ in range(4)]
        await version.busy(4)
        if leave == "cancelled":
            for run in runs:
                run.cancel()
        results = await asyncio.gather(*runs, return_exceptions=True)
        assert all(isinstance(result, (ServingError, asyncio.CancelledError)) for result in results)
        version.stoppable = False
        again = version.ask(execution)
        await version.busy(5)
        version.gate.set()
        assert await again == [1]

    asyncio.run(call())
    assert [stop.requested for stop in version.started] == [True] * 4 + [False]


def test_a_version_that_takes_all_its_threads_takes_none_from_another(execution: Execution) -> None:
    slow, quick = Fake(stoppable=False), Fake(stoppable=False)
    quick.gate.set()

    async def call() -> None:
        runs = [slow.ask(execution) for _ in range(20)]
        await slow.busy(4)
        assert await quick.ask(execution) == [1]
        slow.gate.set()
        await asyncio.gather(*runs)

    asyncio.run(call())


def test_runs_that_cannot_be_stopped_do_not_count_up_to_a_limit() -> None:
    execution, version = Execution(2, few=1), Fake(stoppable=False)
    before = threads()

    async def call() -> None:
        for wanted in (2, 4):  # As many may be lost as may be active.
            runs = [version.ask(execution, 20) for _ in range(2)]
            await version.busy(wanted)
            await asyncio.gather(*runs, return_exceptions=True)
        late = await asyncio.gather(version.ask(execution, 20), return_exceptions=True)
        assert late[0].code is Code.DEADLINE_EXCEEDED
        assert len(version.started) == 4
        assert len(threads() - before) == 4
        last = version.ask(execution)
        version.gate.set()
        assert await last == [1]
        while len(threads() - before) > 2:  # Those that are too many end.
            await version.ask(execution)

    asyncio.run(call())
    execution.close()


def test_a_run_that_cannot_be_stopped_does_not_hold_up_the_end(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.server.engine.execution._END_SECONDS", 0.05)
    execution, version = Execution(2), Fake(stoppable=False)

    async def call() -> None:
        await asyncio.gather(version.ask(execution, 20), return_exceptions=True)

    asyncio.run(call())
    execution.close()
    assert "1 run(s) cannot be interrupted" in caplog.text
    version.gate.set()


def test_the_threads_of_a_version_end_with_it(execution: Execution) -> None:
    version = Fake(stoppable=False)
    version.gate.set()
    before = threads()

    async def call(version: Fake) -> None:
        await version.ask(execution)

    async def both() -> None:
        nonlocal version
        await call(version)
        assert len(threads() - before) == 1
        del version
        gc.collect()
        while threads() - before:
            await asyncio.sleep(0.001)

    asyncio.run(both())

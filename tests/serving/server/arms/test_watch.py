"""Time limits of arms."""

from __future__ import annotations

import asyncio

import pytest

from serving.server.arms.watch import Watch


async def _sleep(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return "done"


def test_what_is_in_time_is_returned() -> None:
    assert asyncio.run(Watch().within(20, _sleep(0))) == "done"
    assert asyncio.run(Watch().within(None, _sleep(0))) == "done"


def test_what_takes_too_long_is_cancelled_and_the_caller_goes_on() -> None:
    async def work() -> str:
        watch = Watch()
        with pytest.raises(TimeoutError):
            await watch.within(0.01, _sleep(60))
        return await watch.within(20, _sleep(0.5))

    assert asyncio.run(work()) == "done"


def test_a_caller_that_is_cancelled_stays_so() -> None:
    async def work() -> None:
        task = asyncio.ensure_future(Watch().within(20, _sleep(60)))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(work())

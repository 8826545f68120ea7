"""The threads that run sessions: the event loop hands work over and gets the results back in bursts."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from serving.server.batching import Batcher
from serving.server.status import Code, ServingError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    import numpy as np

    from serving.server.batching import BatchObserver
    from serving.server.servable import Servable
    from serving.server.signature import Signature

_LOG = logging.getLogger(__name__)


class Execution:
    """Worker threads for session runs, and the batches that they run.

    Args:
        threads: How many runs may be at work at once.
        observer: Told of every batch; None: nobody.
    """

    def __init__(self, threads: int, observer: BatchObserver | None = None) -> None:
        self._batcher = Batcher(self.call, observer)
        self._queue: SimpleQueue[tuple[asyncio.Future[Any], Callable[..., Any], tuple[Any, ...]] | None] = (
            SimpleQueue()
        )
        self._finished: deque[tuple[asyncio.Future[Any], Any, BaseException | None]] = deque()
        self._woken = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._threads = [
            threading.Thread(target=self._work, name=f"session-{number}", daemon=True)
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    async def run(
        self,
        servable: Servable,
        signature: Signature,
        feeds: Mapping[str, np.ndarray],
        outputs: tuple[str, ...],
        timeout_ms: int | None = None,
    ) -> Sequence[np.ndarray]:
        """Runs a signature in a worker thread, in a batch with others when the version has batching parameters.

        Args:
            servable: The version; the caller holds its lease.
            signature: What to run.
            feeds: A value for every input, by alias.
            outputs: The aliases to compute.
            timeout_ms: The time limit; None means none.

        Returns:
            The outputs' values, in their order.

        Raises:
            ServingError: The run failed or took too long.
        """
        if servable.batching is not None and self._batcher.takes(servable, signature, feeds, outputs):
            work = self._batcher.run(servable, signature, feeds, timeout_ms)
            return await (work if timeout_ms is None else _limited(work, timeout_ms))
        result: Sequence[np.ndarray] = await self.call(
            timeout_ms, servable.run, signature, feeds, outputs, timeout_ms
        )
        return result

    async def call(self, timeout_ms: int | None, work: Callable[..., Any], *args: Any) -> Any:
        """Calls `work` in a worker thread; a call that is cancelled before its turn is not made.

        Args:
            timeout_ms: The time limit of the answer; None means none.
            work: What to call.
            *args: Its arguments.

        Returns:
            What it returns.

        Raises:
            ServingError: DEADLINE_EXCEEDED, or what `work` raised.
        """
        loop = asyncio.get_running_loop()
        self._loop = loop
        future: asyncio.Future[Any] = loop.create_future()
        self._queue.put((future, work, args))
        if timeout_ms is None:
            return await future
        timer = loop.call_later(timeout_ms / 1000, _expire, future)
        try:
            return await future
        finally:
            timer.cancel()

    def close(self) -> None:
        """Ends the threads when the work that was handed over is done."""
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        take = self._queue.get
        while (job := take()) is not None:
            future, work, args = job
            if future.done():
                continue
            try:
                self._finish(future, work(*args), None)
            except Exception as error:  # noqa: BLE001 - it is raised where the result is awaited
                self._finish(future, None, error)
            # What a run holds must not live until the next one.
            del job, future, work, args

    def _finish(self, future: asyncio.Future[Any], value: Any, error: BaseException | None) -> None:
        self._finished.append((future, value, error))
        if not self._woken:
            self._woken = True
            assert self._loop is not None
            try:
                self._loop.call_soon_threadsafe(self._deliver)
            except RuntimeError:
                _LOG.debug("the event loop ended before a result was delivered")

    def _deliver(self) -> None:
        self._woken = False
        while self._finished:
            future, value, error = self._finished.popleft()
            if future.done():
                continue
            if error is None:
                future.set_result(value)
            else:
                future.set_exception(error)


async def _limited(work: Awaitable[Sequence[np.ndarray]], timeout_ms: int) -> Sequence[np.ndarray]:
    try:
        return await asyncio.wait_for(work, timeout_ms / 1000)
    except asyncio.TimeoutError as error:
        raise _too_late() from error


def _too_late() -> ServingError:
    return ServingError(Code.DEADLINE_EXCEEDED, "Timed out waiting for notification")


def _expire(future: asyncio.Future[Any]) -> None:
    if not future.done():
        future.set_exception(_too_late())

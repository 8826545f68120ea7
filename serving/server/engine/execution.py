"""The threads that run sessions: the event loop hands over work and gets the results back in bursts.

Passing the interpreter lock between threads costs more than running a small model, so as few threads as possible work:
the last one to work gets the next run while it is still warm, it picks up further runs by itself, and others join in
only when a run has waited for a while.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections import deque
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Final

from serving.server.engine.batching import Batcher
from serving.server.status import Code, ServingError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    import numpy as np

    from serving.server.engine.batching import BatchObserver
    from serving.server.engine.servable import Servable
    from serving.server.engine.signature import Signature

    Job = tuple[asyncio.Future[Any], Callable[..., Any], tuple[Any, ...]]
    Queue = SimpleQueue[Job | None]
    # Future, value, error, and the thread's queue once it has run out of work.
    Finished = tuple[asyncio.Future[Any], Any, BaseException | None, Queue | None]

log = logging.getLogger(__name__)
_PATIENCE_SECONDS: Final = 0.001
"""How long a run waits before it gets another thread, if one is left."""


class Execution:
    """Worker threads for session runs and batches, for one event loop.

    Args:
        threads: How many runs may be active at once.
        observer: Notified of every batch, if given.
        few: How many threads take runs while none waits long; None means one per CPU.
    """

    def __init__(
        self, threads: int, observer: BatchObserver | None = None, *, few: int | None = None
    ) -> None:
        self._batcher = Batcher(self.call, observer)
        self._most = max(1, threads)
        self._few = min(self._most, few or os.cpu_count() or 1)
        self._threads: list[threading.Thread] = []
        self._queues: list[Queue] = []
        # Touched only by the loop.
        self._idle: list[Queue] = []
        self._impatient: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        # Filled by one side, emptied by the other.
        self._waiting: deque[Job] = deque()
        self._finished: deque[Finished] = deque()
        self._woken = False

    async def run(
        self,
        servable: Servable,
        signature: Signature,
        feeds: Mapping[str, np.ndarray],
        outputs: tuple[str, ...],
        timeout_ms: int | None = None,
    ) -> Sequence[np.ndarray]:
        """Runs a signature in a worker thread, batched with others if the version has batching parameters.

        The caller holds the version's lease; arguments, result and errors are those of ``Servable.run``.
        """
        if servable.batching is not None and self._batcher.takes(servable, signature, feeds, outputs):
            work = self._batcher.run(servable, signature, feeds, timeout_ms)
            return await (work if timeout_ms is None else _limited(work, timeout_ms))
        result: Sequence[np.ndarray] = await self.call(
            timeout_ms, servable.run, signature, feeds, outputs, timeout_ms
        )
        return result

    async def call(self, timeout_ms: int | None, work: Callable[..., Any], *args: Any) -> Any:
        """Calls ``work`` in a worker thread, unless it is cancelled before its turn.

        Args:
            timeout_ms: The time limit for the answer; None means none.
            work: The function to call.
            *args: Its arguments.

        Returns:
            The function's result.

        Raises:
            ServingError: DEADLINE_EXCEEDED, or what ``work`` raised.
        """
        loop = self._loop
        if loop is None:
            loop = self._loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        self._hand_over((future, work, args))
        if timeout_ms is None:
            return await future
        timer = loop.call_later(timeout_ms / 1000, _expire, future)
        try:
            return await future
        finally:
            timer.cancel()

    def close(self) -> None:
        """Stops the threads once the work handed over is done."""
        for queue in self._queues:
            queue.put(None)
        for thread in self._threads:
            thread.join()

    # On the loop.

    def _hand_over(self, job: Job) -> None:
        if self._busy() < self._few:
            self._idle_queue().put(job)
        else:
            self._waiting.append(job)
            self._watch()

    def _busy(self) -> int:
        return len(self._queues) - len(self._idle)

    def _idle_queue(self) -> Queue:
        """Returns the queue of the thread that worked last, or of a new one."""
        if self._idle:
            return self._idle.pop()
        queue: Queue = SimpleQueue()
        thread = threading.Thread(
            target=self._work, args=(queue,), name=f"session-{len(self._threads)}", daemon=True
        )
        self._queues.append(queue)
        self._threads.append(thread)
        thread.start()
        return queue

    def _watch(self) -> None:
        """Makes sure that the oldest waiting run does not wait long."""
        if self._impatient is not None or self._busy() >= self._most:
            return
        try:
            oldest = self._waiting[0]
        except IndexError:
            return
        assert self._loop is not None
        self._impatient = self._loop.call_later(_PATIENCE_SECONDS, self._call_another, oldest)

    def _call_another(self, oldest: Job) -> None:
        """Adds a thread if the oldest run is still waiting."""
        self._impatient = None
        try:
            if self._waiting[0] is oldest and self._busy() < self._most:
                job = self._waiting.popleft()
                self._idle_queue().put(job)
        except IndexError:
            return  # A working thread has just taken it.
        self._watch()

    def _deliver(self) -> None:
        self._woken = False
        while self._finished:
            future, value, error, out_of_work = self._finished.popleft()
            if out_of_work is not None:
                self._occupy(out_of_work)
            if future.done():
                continue
            if error is None:
                future.set_result(value)
            else:
                future.set_exception(error)

    def _occupy(self, queue: Queue) -> None:
        """Gives an idle thread the work that came in meanwhile, or lets it rest."""
        try:
            job = self._waiting.popleft()
        except IndexError:
            self._idle.append(queue)
        else:
            queue.put(job)

    # In the threads.

    def _work(self, queue: Queue) -> None:
        waiting = self._waiting
        while (job := queue.get()) is not None:
            while job is not None:
                future, work, args = job
                value, error = None, None
                if not future.done():
                    try:
                        value = work(*args)
                    except Exception as caught:  # noqa: BLE001 - raised where the result is awaited
                        error = caught
                try:
                    job = waiting.popleft()
                except IndexError:
                    job = None
                self._finish((future, value, error, queue if job is None else None))
                # A run's objects must not live until the next run.
                del future, work, args, value, error

    def _finish(self, finished: Finished) -> None:
        self._finished.append(finished)
        if not self._woken:
            self._woken = True
            assert self._loop is not None
            try:
                self._loop.call_soon_threadsafe(self._deliver)
            except RuntimeError:
                log.debug("the event loop stopped before a result was delivered")


async def _limited(work: Awaitable[Sequence[np.ndarray]], timeout_ms: int) -> Sequence[np.ndarray]:
    try:
        return await asyncio.wait_for(work, timeout_ms / 1000)
    except TimeoutError as error:
        raise _too_late() from error


def _too_late() -> ServingError:
    return ServingError(Code.DEADLINE_EXCEEDED, "Timed out waiting for notification")


def _expire(future: asyncio.Future[Any]) -> None:
    if not future.done():
        future.set_exception(_too_late())

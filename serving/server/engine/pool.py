"""The worker threads of one kind of work: the event loop hands over work and gets the results back in bursts.

Passing the interpreter lock between threads costs more than running a small model, so as few threads as possible work:
the last one to work gets the next run while it is still warm, it picks up further runs by itself, and others join in
only when a run has waited for a while.

Work that nobody waits for any more is told to stop. Until it has, its thread counts as lost and another one takes its
place, as long as no more threads are lost than may be active.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections import deque
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Final

from serving.server.engine.stopping import Stop
from serving.server.status import Code, ServingError

if TYPE_CHECKING:
    from collections.abc import Callable

    Queue = SimpleQueue["Job | None"]
    # Job, value, error, and the thread's queue once it has run out of work.
    Finished = tuple["Job", Any, BaseException | None, Queue | None]

log = logging.getLogger(__name__)
_PATIENCE_SECONDS: Final = 0.001
"""How long a run waits before it gets another thread, if one is left."""
TOO_LATE: Final = "Timed out waiting for notification"
"""TensorFlow's text for a run that exceeds its time limit."""


class Job:
    """One piece of work.

    Args:
        future: Receives its result.
        work: The function to call.
        args: Its arguments.
        stop: Stops it, if it can be stopped.
    """

    __slots__ = ("args", "future", "lost", "over", "started", "stop", "work")

    def __init__(
        self,
        future: asyncio.Future[Any],
        work: Callable[..., Any],
        args: tuple[Any, ...],
        stop: Stop | None,
    ) -> None:
        self.future = future
        self.work = work
        self.args = args
        self.stop = stop
        self.started = False  # Set by the thread that does the work.
        self.lost = self.over = False  # Set by the loop.


class Pool:
    """Worker threads, for one event loop.

    Args:
        name: The threads' name.
        threads: How many pieces of work may be active at once; as many more may be lost.
        few: How many threads take work while none waits long; None means one per CPU.
    """

    def __init__(self, name: str, threads: int, *, few: int | None = None) -> None:
        self._name = name
        self._most = max(1, threads)
        self._few = min(self._most, few or os.cpu_count() or 1)
        # Touched only by the loop.
        self._threads: dict[Queue, threading.Thread] = {}
        self._idle: list[Queue] = []
        self._lost = self._made = 0
        self._ended = False
        self._impatient: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        # Filled by one side, emptied by the other.
        self._waiting: deque[Job] = deque()
        self._finished: deque[Finished] = deque()
        self._woken = False

    async def call(
        self, timeout_ms: int | None, stop: Stop | None, work: Callable[..., Any], *args: Any
    ) -> Any:
        """Calls ``work`` in a worker thread, unless it is cancelled before its turn.

        Args:
            timeout_ms: The time limit for the answer; None means none.
            stop: Stops the work once its time is up or its caller is cancelled; None if it cannot be stopped.
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
        job = Job(future, work, args, stop)
        self._hand_over(job)
        timer = None if timeout_ms is None else loop.call_later(timeout_ms / 1000, _expire, future)
        try:
            return await future
        finally:
            if timer is not None:
                timer.cancel()
            if not job.over:
                self._lose(job)
            # An error knows this frame by its traceback, and the future knows the error: as long as the frame knows the
            # future, all of it, with the request's inputs, would stay until the garbage collector comes by.
            del future, job

    def end(self) -> None:
        """Ends the threads once the work handed over is done."""
        self._ended = True
        for queue in self._threads:
            queue.put(None)

    def join(self, seconds: float) -> int:
        """Waits for the threads; returns how many have not ended in time."""
        deadline = time.monotonic() + seconds
        threads = list(self._threads.values())
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return sum(thread.is_alive() for thread in threads)

    # On the loop.

    def _hand_over(self, job: Job) -> None:
        if self._busy() < self._few and self._has_thread():
            self._idle_queue().put(job)
        else:
            self._waiting.append(job)
            self._watch()

    def _busy(self) -> int:
        return len(self._threads) - len(self._idle) - self._lost

    def _has_thread(self) -> bool:
        return bool(self._idle) or len(self._threads) < 2 * self._most

    def _may_grow(self) -> bool:
        return self._busy() < self._most and self._has_thread()

    def _idle_queue(self) -> Queue:
        """Returns the queue of the thread that worked last, or of a new one."""
        if self._idle:
            return self._idle.pop()
        queue: Queue = SimpleQueue()
        self._made += 1
        thread = threading.Thread(
            target=self._work, args=(queue,), name=f"{self._name}-{self._made}", daemon=True
        )
        self._threads[queue] = thread
        thread.start()
        return queue

    def _watch(self) -> None:
        """Makes sure that the oldest waiting run does not wait long."""
        if self._impatient is not None or not self._may_grow():
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
            if self._waiting[0] is oldest and self._may_grow():
                job = self._waiting.popleft()
                self._idle_queue().put(job)
        except IndexError:
            return  # A working thread has just taken it.
        self._watch()

    def _lose(self, job: Job) -> None:
        """Stops work that nobody waits for, in a thread of its own: how long that takes is up to the work."""
        if job.stop is not None:
            job.stop.requested = True
        if not job.started:
            return
        job.lost = True
        self._lost += 1
        if job.stop is not None:
            threading.Thread(target=job.stop.request, name="stop", daemon=True).start()
        self._watch()

    def _deliver(self) -> None:
        self._woken = False
        while self._finished:
            job, value, error, out_of_work = self._finished.popleft()
            job.over = True
            if job.lost:
                self._lost -= 1
            if out_of_work is not None:
                self._occupy(out_of_work)
            future = job.future
            if future.done():
                continue
            if error is None:
                future.set_result(value)
            else:
                future.set_exception(error)

    def _occupy(self, queue: Queue) -> None:
        """Gives an idle thread the work that came in meanwhile, or lets it rest, or end if there are too many."""
        if self._ended:
            return  # It has been told to end.
        if len(self._threads) - self._lost > self._most:
            del self._threads[queue]
            queue.put(None)
            self._watch()
            return
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
                value, error = None, None
                job.started = True
                if not job.future.done():
                    try:
                        value = job.work(*job.args)
                    except Exception as caught:  # noqa: BLE001 - raised where the result is awaited
                        error = caught
                done = job
                try:
                    job = waiting.popleft()
                except IndexError:
                    job = None
                self._finish((done, value, error, queue if job is None else None))
                # A run's objects must not live until the next run.
                del done, value, error

    def _finish(self, finished: Finished) -> None:
        self._finished.append(finished)
        if not self._woken:
            self._woken = True
            assert self._loop is not None
            try:
                self._loop.call_soon_threadsafe(self._deliver)
            except RuntimeError:
                log.debug("the event loop stopped before a result was delivered")


def _expire(future: asyncio.Future[Any]) -> None:
    if not future.done():
        future.set_exception(ServingError(Code.DEADLINE_EXCEEDED, TOO_LATE))

"""Batches requests as TF Serving's batching session does: whole requests to one version and signature.

Queues live on the event loop, so they need no lock; only joining, running and splitting happen in a worker thread.
A batch is open until it is full, or until its time is up and a batch thread is free.
"""

from __future__ import annotations

import asyncio
from collections import deque
from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakKeyDictionary

import numpy as np

from serving.server.engine import rows
from serving.server.engine.rows import Task
from serving.server.engine.stopping import Stop
from serving.server.status import Code, ServingError
from serving.wire.dtypes import NUMBERS, DType

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from serving.server.config.batching_parameters import BatchingParameters
    from serving.server.engine.servable import Servable
    from serving.server.engine.signature import Signature

    Caller = Callable[..., Awaitable[Any]]

_STRING = int(DType.STRING)


class BatchObserver(Protocol):
    """Receives batching's metrics."""

    def batch(self, queued_microseconds: float) -> None:
        """Records that a batch ran, and how long its oldest request had waited."""


class Batch:
    """Requests that will run together.

    Args:
        servable: The version that runs them.
    """

    __slots__ = ("due", "rows", "servable", "tasks")

    def __init__(self, servable: Servable) -> None:
        self.servable = servable
        self.due = False  # Its timeout has passed: it may run even if it is not full.
        self.tasks: list[Task] = []
        self.rows = 0

    def add(self, task: Task) -> None:
        """Adds a request."""
        self.tasks.append(task)
        self.rows += task.rows


class BatchThreads:
    """How many batches with one set of parameters are running; queues that wait for a slot take turns."""

    def __init__(self) -> None:
        self.running = 0
        self.waiting: deque[Queue] = deque()


class Queue:
    """The batches of one version and signature.

    Args:
        signature: The signature.
        parameters: How to batch.
        threads: Shared by all queues with these parameters.
        call: Calls a function in one of a version's worker threads; it is stopped if the call is cancelled.
        observer: Notified of every batch.
    """

    def __init__(
        self,
        signature: Signature,
        parameters: BatchingParameters,
        threads: BatchThreads,
        call: Caller,
        observer: BatchObserver | None,
    ) -> None:
        self._signature = signature
        self._outputs = tuple(signature.outputs)
        self.parameters = parameters
        self._limit = parameters.execution_batch_size
        # The loop's timers have millisecond resolution. A wait of 0 still batches what has already arrived.
        micros = parameters.batch_timeout_micros
        self._wait = max(micros / 1e6, 0.001) if micros else 0.0
        self.threads = threads
        self._call = call
        self._observer = observer
        self._batches: deque[Batch] = deque()
        self._background: set[asyncio.Task[None]] = set()

    def add(self, servable: Servable, tasks: Sequence[Task]) -> None:
        """Puts the parts of one request into batches: all or none.

        Raises:
            ServingError: UNAVAILABLE if the queue is full.
        """
        self._check_capacity(tasks)
        for task in tasks:
            self._place(servable, task)
        self._start()

    def room(self) -> int:
        """Returns how many more rows the open batch can take."""
        return max(0, self._limit - self._batches[-1].rows) if self._batches else 0

    def _check_capacity(self, tasks: Sequence[Task]) -> None:
        needed = len(tasks) - (bool(self._batches) and tasks[0].rows <= self.room())
        if len(self._batches) + needed > self.parameters.max_enqueued_batches:
            raise ServingError(
                Code.UNAVAILABLE, "The batch scheduling queue to which this task was submitted is full"
            )

    def _place(self, servable: Servable, task: Task) -> None:
        if not self._batches or task.rows > self.room():
            batch = Batch(servable)
            self._batches.append(batch)
            asyncio.get_running_loop().call_later(self._wait, self._make_due, batch)
        self._batches[-1].add(task)

    def _make_due(self, batch: Batch) -> None:
        batch.due = True
        self._start()

    def _start(self) -> None:
        """Runs the batches that are due, as long as batch threads are free."""
        threads = self.threads
        while self._batches and self._may_run():
            if threads.running >= self.parameters.num_batch_threads:
                if self not in threads.waiting:
                    threads.waiting.append(self)
                return
            threads.running += 1
            work = asyncio.ensure_future(self._run(self._batches.popleft()))
            self._background.add(work)
            work.add_done_callback(self._background.discard)

    def _may_run(self) -> bool:
        first = self._batches[0]
        return first.due or first.rows >= self._limit or len(self._batches) > 1

    async def _run(self, batch: Batch) -> None:
        tasks = [task for task in batch.tasks if not task.result.done()]
        try:
            if tasks:
                if self._observer is not None:
                    self._observer.batch((perf_counter() - tasks[0].since) * 1e6)
                parts = await self._run_while_wanted(batch.servable, tasks)
                for task, part in zip(tasks, parts, strict=True):
                    if not task.result.done():
                        task.result.set_result(part)
        except asyncio.CancelledError:
            if not all(task.result.done() for task in tasks):
                raise
        except Exception as error:  # noqa: BLE001 - every request in the batch gets the error
            for task in tasks:
                if not task.result.done():
                    task.result.set_exception(_own(error))
        finally:
            self.threads.running -= 1
            self._take_turns()

    async def _run_while_wanted(self, servable: Servable, tasks: Sequence[Task]) -> list[list[np.ndarray]]:
        """Runs a batch; cancels itself, which stops the run, once none of its requests waits any more."""
        me = asyncio.current_task()
        assert me is not None
        left = len(tasks)

        def gone(_: asyncio.Future[Any]) -> None:
            nonlocal left
            left -= 1
            if not left:
                me.cancel()

        for task in tasks:
            task.result.add_done_callback(gone)
        try:
            stop = Stop()
            parts: list[list[np.ndarray]] = await self._call(
                servable, stop, self._run_blocking, servable, tasks, stop
            )
        finally:
            for task in tasks:
                task.result.remove_done_callback(gone)
        return parts

    def _take_turns(self) -> None:
        waiting = self.threads.waiting
        if self._batches and self not in waiting:
            waiting.append(self)
        for _ in range(len(waiting)):
            waiting.popleft()._start()

    def _run_blocking(self, servable: Servable, tasks: Sequence[Task], stop: Stop) -> list[list[np.ndarray]]:
        parameters = self.parameters
        total = sum(task.rows for task in tasks)
        size = next((size for size in parameters.allowed_batch_sizes if size >= total), total)
        feeds = rows.join(tasks, size if total else 0, pad_inner=parameters.pad_variable_length_inputs)
        values = servable.run(self._signature, feeds, self._outputs, stop)
        return rows.cut(values, tasks, size if total else 0)


class Batcher:
    """Batches requests to all versions that want it.

    Args:
        call: Calls a function in one of a version's worker threads, until it is cancelled: version, stop, function,
            arguments.
        observer: Notified of every batch.
    """

    def __init__(self, call: Caller, observer: BatchObserver | None = None) -> None:
        self._call = call
        self._observer = observer
        self._queues: WeakKeyDictionary[Servable, dict[str, Queue]] = WeakKeyDictionary()

    def takes(
        self,
        servable: Servable,
        signature: Signature,
        feeds: Mapping[str, np.ndarray],
        outputs: tuple[str, ...],
    ) -> bool:
        """Returns whether a request is batched: its feeds and fetches match a signature exactly, types included."""
        if len(outputs) != len(signature.outputs) or signature.key not in servable.signatures:
            return False
        for alias, info in signature.inputs.items():
            dtype = feeds[alias].dtype
            number = _STRING if dtype.kind in "OSU" else NUMBERS.get(dtype)
            if number != info.dtype:
                # It runs alone and fails alone.
                return False
        return True

    async def run(
        self,
        servable: Servable,
        signature: Signature,
        feeds: Mapping[str, np.ndarray],
    ) -> Sequence[np.ndarray]:
        """Runs a request in a batch with others; all outputs are computed. It leaves the batch if it is cancelled.

        Raises:
            ServingError: INVALID_ARGUMENT for inputs that cannot be joined, UNAVAILABLE if the queue is full,
                FAILED_PRECONDITION if inner shapes differ or outputs have no batch axis.
        """
        parameters = servable.batching
        assert parameters is not None, "only versions with batching parameters are batched"
        count = rows.count(feeds)
        queue = self._queue(servable, signature, parameters)
        if not parameters.enable_large_batch_splitting and count > parameters.max_batch_size:
            raise ServingError(
                Code.INVALID_ARGUMENT,
                f"Task size {count} is larger than maximum input batch size {parameters.max_batch_size}",
            )
        step = parameters.execution_batch_size
        sizes = [count] if count <= step else rows.split_sizes(count, queue.room(), step)
        tasks = [_task(part) for part in rows.split(feeds, sizes)]
        queue.add(servable, tasks)
        if len(tasks) == 1:
            try:
                result: Sequence[np.ndarray] = await tasks[0].result
                return result
            finally:
                del tasks  # It knows the error, which knows this frame: neither would be freed at once.
        try:
            parts = await asyncio.gather(*(task.result for task in tasks))
        finally:
            for task in tasks:
                task.result.cancel()
            del task, tasks  # As above.
        return [np.concatenate(values) for values in zip(*parts, strict=True)]

    def _queue(self, servable: Servable, signature: Signature, parameters: BatchingParameters) -> Queue:
        queues = self._queues.setdefault(servable, {})
        queue = queues.get(signature.key)
        if queue is None:
            threads = self._threads_of(parameters)
            queue = Queue(signature, parameters, threads, self._call, self._observer)
            queues[signature.key] = queue
        return queue

    def _threads_of(self, parameters: BatchingParameters) -> BatchThreads:
        """Returns the batch threads for a set of parameters: the server's, or the version's own."""
        for queues in self._queues.values():
            for queue in queues.values():
                if queue.parameters is parameters:
                    return queue.threads
        return BatchThreads()


def _own(error: Exception) -> Exception:
    """Returns an error of a batch for one request, without the frames that know the inputs of them all."""
    return ServingError(error.code, error.message) if isinstance(error, ServingError) else error


def _task(feeds: Mapping[str, np.ndarray]) -> Task:
    result = asyncio.get_running_loop().create_future()
    return Task(feeds, len(next(iter(feeds.values()))), result, perf_counter())

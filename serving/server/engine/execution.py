"""Runs sessions off the event loop: each version in worker threads of its own, batched or not.

Versions do not share threads, so one that is slow, or whose runs cannot be stopped, holds up no other.
"""

from __future__ import annotations

import asyncio
import logging
import time
import weakref
from typing import TYPE_CHECKING, Any, Final

from serving.server.engine.batching import Batcher
from serving.server.engine.pool import TOO_LATE, Pool
from serving.server.engine.stopping import Stop
from serving.server.status import Code, ServingError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    import numpy as np

    from serving.server.engine.batching import BatchObserver
    from serving.server.engine.servable import Servable
    from serving.server.engine.signature import Signature

log = logging.getLogger(__name__)
_END_SECONDS: Final = 2.0
"""How long to wait at the end for runs that were told to stop."""


class Execution:
    """Worker threads for session runs and batches, for one event loop.

    Args:
        threads: How many runs of one version may be active at once.
        observer: Notified of every batch, if given.
        few: How many threads take runs while none waits long; None means one per CPU.
    """

    def __init__(
        self, threads: int, observer: BatchObserver | None = None, *, few: int | None = None
    ) -> None:
        self._batcher = Batcher(self._run_batch, observer)
        self._threads = threads
        self._few = few
        self._pools: weakref.WeakKeyDictionary[Servable, Pool] = weakref.WeakKeyDictionary()
        self._others = self._new_pool("worker")

    async def run(
        self,
        servable: Servable,
        signature: Signature,
        feeds: Mapping[str, np.ndarray],
        outputs: tuple[str, ...],
        timeout_ms: int | None = None,
    ) -> Sequence[np.ndarray]:
        """Runs a signature in a worker thread, batched with others if the version has batching parameters.

        The caller holds the version's lease. The run is stopped when its time is up or the caller is cancelled.

        Raises:
            ServingError: DEADLINE_EXCEEDED, or what ``Servable.run`` raises.
        """
        if servable.batching is not None and self._batcher.takes(servable, signature, feeds, outputs):
            work = self._batcher.run(servable, signature, feeds)
            return await (work if timeout_ms is None else _limited(work, timeout_ms))
        stop = Stop()
        result: Sequence[np.ndarray] = await self._pool(servable).call(
            timeout_ms, stop, servable.run, signature, feeds, outputs, stop
        )
        return result

    async def call(self, timeout_ms: int | None, work: Callable[..., Any], *args: Any) -> Any:
        """Calls a function that runs no session in a worker thread, unless it is cancelled before its turn.

        Args:
            timeout_ms: The time limit for the answer; None means none.
            work: The function to call.
            *args: Its arguments.

        Returns:
            The function's result.

        Raises:
            ServingError: DEADLINE_EXCEEDED, or what ``work`` raised.
        """
        return await self._others.call(timeout_ms, None, work, *args)

    def close(self) -> None:
        """Ends the threads once the work handed over is done; leaves behind those that do not end in time."""
        pools = [self._others, *self._pools.values()]
        for pool in pools:
            pool.end()
        deadline = time.monotonic() + _END_SECONDS
        left = sum(pool.join(max(0.0, deadline - time.monotonic())) for pool in pools)
        if left:
            log.warning("%d run(s) cannot be interrupted; the process ends without them", left)

    async def _run_batch(self, servable: Servable, stop: Stop, work: Callable[..., Any], *args: Any) -> Any:
        return await self._pool(servable).call(None, stop, work, *args)

    def _pool(self, servable: Servable) -> Pool:
        pool = self._pools.get(servable)
        if pool is None:
            pool = self._pools[servable] = self._new_pool("session")
            unloaded = weakref.finalize(servable, _end_soon, asyncio.get_running_loop(), pool)
            unloaded.atexit = False
        return pool

    def _new_pool(self, name: str) -> Pool:
        return Pool(name, self._threads, few=self._few)


def _end_soon(loop: asyncio.AbstractEventLoop, pool: Pool) -> None:
    """Ends the threads of a version that is gone; called in any thread."""
    try:
        loop.call_soon_threadsafe(pool.end)
    except RuntimeError:  # The loop is closed, so nobody else touches the pool.
        pool.end()


async def _limited(work: Awaitable[Sequence[np.ndarray]], timeout_ms: int) -> Sequence[np.ndarray]:
    try:
        return await asyncio.wait_for(work, timeout_ms / 1000)
    except TimeoutError as error:
        raise ServingError(Code.DEADLINE_EXCEEDED, TOO_LATE) from error

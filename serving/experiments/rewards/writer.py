"""Writes rewards that come in at the same time together, and waits for exposures that are still on their way."""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from serving.experiments.rewards.targets import best
from serving.experiments.state.store import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from serving.experiments.state.store import Receipt, Reward, Store

PAUSES: Final = (0.3, 0.7, 1.0, 1.5)
"""Seconds between attempts to find a unit: its exposure may be in another replica, which writes it within a second."""
_AT_A_TIME: Final = 5_000


class TooManyWaitingError(Exception):
    """More rewards wait to be written than the limit allows."""


@dataclass
class _Waiting:
    rewards: Sequence[Reward]
    again: bool
    done: asyncio.Future[list[Receipt]]


class RewardWriter:
    """Writes rewards to the store, in one thread, as many together as there are.

    Args:
        store: The state.
        most_waiting: How many rewards may wait at a time.
        pauses: Seconds between attempts to find a unit.
        receive: Is told each receipt, to count it; it must not raise.
        settle: Writes the exposures that wait in this process; it may block. A client that rewards its answer at once then
            waits for them, not for the next tick.
    """

    def __init__(
        self,
        store: Store,
        most_waiting: int,
        pauses: Sequence[float] = PAUSES,
        receive: Callable[[Receipt], None] | None = None,
        settle: Callable[[], object] | None = None,
    ) -> None:
        self._store, self._most, self._pauses = store, most_waiting, tuple(pauses) or (0.0,)
        self._receive, self._settle = receive, settle
        self._queue: deque[_Waiting] = deque()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="rewards")
        self._task: asyncio.Task[None] | None = None
        self._held = 0

    async def write(self, entries: Sequence[Sequence[Reward]]) -> list[Receipt]:
        """Writes rewards; returns after they are safe on disk.

        Args:
            entries: For each reported reward, those that it is for the experiments that it may be of.

        Returns:
            One receipt for each entry: the one that says most.

        Raises:
            TooManyWaitingError: Too many wait already.
            StoreAwayError: The store does not answer. They may be sent again: each counts once.
        """
        count = sum(map(len, entries))
        if self._held + count > self._most:
            raise TooManyWaitingError
        self._held += count
        try:
            receipts = await self._found(entries)
        finally:
            self._held -= count
        if self._receive is not None:
            for receipt in receipts:
                self._receive(receipt)
        return receipts

    async def _found(self, entries: Sequence[Sequence[Reward]]) -> list[Receipt]:
        receipts = await self._best(entries, again=True)
        settle = self._settle
        waits = [*([None] if settle is not None else []), *self._pauses]
        for n, pause in enumerate(waits, 1):
            # An entry that one experiment knows is not waited for in others.
            places = [place for place, receipt in enumerate(receipts) if receipt.status is Status.UNKNOWN]
            if not places:
                break
            if pause is not None:
                await asyncio.sleep(pause)
            elif settle is not None:
                await asyncio.to_thread(settle)
            some = await self._best([entries[place] for place in places], again=n < len(waits))
            for place, receipt in zip(places, some, strict=True):
                receipts[place] = receipt
        return receipts

    async def _best(self, entries: Sequence[Sequence[Reward]], *, again: bool) -> list[Receipt]:
        receipts = iter(await self._written([reward for entry in entries for reward in entry], again=again))
        return [best([next(receipts) for _ in entry]) for entry in entries]

    def _written(self, rewards: Sequence[Reward], *, again: bool) -> asyncio.Future[list[Receipt]]:
        done: asyncio.Future[list[Receipt]] = asyncio.get_running_loop().create_future()
        self._queue.append(_Waiting(rewards, again, done))
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._drain())
        return done

    async def _drain(self) -> None:
        while self._queue:
            again, chosen, count = self._queue[0].again, [], 0
            while self._queue and self._queue[0].again is again and count < _AT_A_TIME:
                chosen.append(self._queue.popleft())
                count += len(chosen[-1].rewards)
            await self._together(chosen, again)

    async def _together(self, chosen: list[_Waiting], again: bool) -> None:
        rewards = [reward for waiting in chosen for reward in waiting.rewards]
        try:
            call = asyncio.get_running_loop().run_in_executor(
                self._thread, lambda: self._store.reward(rewards, again=again)
            )
            receipts = iter(await call)
        except Exception as error:  # noqa: BLE001 - it is raised where each waits
            for waiting in chosen:
                if not waiting.done.done():
                    waiting.done.set_exception(error)
            return
        for waiting in chosen:
            mine = [next(receipts) for _ in waiting.rewards]
            if not waiting.done.done():
                waiting.done.set_result(mine)

    def close(self) -> None:
        """Ends the thread after what it is writing."""
        self._thread.shutdown()

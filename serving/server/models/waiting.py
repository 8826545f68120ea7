"""Waits for models to become available, at the start and after a reload, without blocking anything else."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING

from serving.server.status import Code, ServingError

if TYPE_CHECKING:
    from serving.server.models.model_state import ModelState


class Waiter:
    """A wait until each of several models has an available version.

    Args:
        names: The models.
        noun: Their name in the error: ``model(s)`` after a reload, ``servable(s)`` at the start.
    """

    def __init__(self, names: Iterable[str], noun: str) -> None:
        self._open = set(names)
        self._noun = noun
        self.future: Future[None] = Future()
        #: Done with the future, or earlier if only unpublished versions are still missing.
        self.idle: Future[None] = Future()

    def look(self, models: Mapping[str, ModelState]) -> bool:
        """Settles the future once the outcome is clear; returns whether it is settled."""
        if self.future.done():
            self._set_idle()
            return True
        failures: list[str] = []
        working = False
        for name in sorted(self._open):
            state = models[name]
            if state.available:
                self._open.discard(name)
            elif state.config is None:
                failures.append(f"{{name: {name}}} due to error: removed by a later reload")
            elif state.working:
                working = True
            else:
                failures += [f"{{{h} due to error: {h.error}}}" for h in state.failed]
        if failures and not working:
            text = f"{len(failures)} {self._noun} did not become available: {{{', '.join(failures)}, }}"
            self._settle(ServingError(Code.UNKNOWN, text))
        elif not self._open:
            self._settle(None)
        if self.future.done() or not working:
            self._set_idle()
        return self.future.done()

    def _set_idle(self) -> None:
        if not self.idle.done():
            self.idle.set_result(None)

    def _settle(self, error: ServingError | None) -> None:
        if not self.future.set_running_or_notify_cancel():
            return  # The caller has gone.
        if error:
            self.future.set_exception(error)
        else:
            self.future.set_result(None)


class Turns:
    """A queue that runs reloads one after the other, however callers wait for them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: Future[None] = Future()
        self._last.set_result(None)

    def take(self) -> Turn:
        """Joins the queue."""
        with self._lock:
            before, self._last = self._last, Future()
            return Turn(before, self._last)


class Turn:
    """A place in the queue.

    Args:
        before: Done when our turn comes.
        mine: Set when the next one's turn comes.
    """

    def __init__(self, before: Future[None], mine: Future[None]) -> None:
        self.before = before
        self._mine = mine

    def end_with(self, waiter: Waiter) -> None:
        """Lets the next one start when this wait is over or idle."""
        waiter.idle.add_done_callback(self._end)

    def give_up(self) -> None:
        """Lets the next one start as soon as our turn would have come."""
        self.before.add_done_callback(self._end)

    def _end(self, _: Future[None]) -> None:
        self._mine.set_result(None)

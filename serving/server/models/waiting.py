"""Waiting for models to become available: at the start and after a reload, without holding anything up."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING

from serving.server.status import Code, ServingError

if TYPE_CHECKING:
    from serving.server.models.model_state import ModelState


class Waiter:
    """Somebody who waits until each of some models has an available version.

    Args:
        names: The models.
        noun: What the error calls them: ``model(s)`` after a reload, ``servable(s)`` at the start.
    """

    def __init__(self, names: Iterable[str], noun: str) -> None:
        self._open = set(names)
        self._noun = noun
        self.future: Future[None] = Future()
        #: Done with the future, or earlier, when all that is still waited for is versions that nobody has published.
        self.idle: Future[None] = Future()

    def look(self, models: Mapping[str, ModelState]) -> bool:
        """Settles the future when it is clear how the wait ends; returns whether it is settled."""
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
            return  # The one who waited has gone.
        if error:
            self.future.set_exception(error)
        else:
            self.future.set_result(None)


class Turns:
    """A queue that lets reloads go one after the other, however they are waited for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: Future[None] = Future()
        self._last.set_result(None)

    def take(self) -> Turn:
        """Gets in line."""
        with self._lock:
            before, self._last = self._last, Future()
            return Turn(before, self._last)


class Turn:
    """A place in the line.

    Args:
        before: Done when it is our turn.
        mine: To be done when it is the next one's.
    """

    def __init__(self, before: Future[None], mine: Future[None]) -> None:
        self.before = before
        self._mine = mine

    def end_with(self, waiter: Waiter) -> None:
        """Lets the next one go when this wait is over or idle."""
        waiter.idle.add_done_callback(self._end)

    def give_up(self) -> None:
        """Lets the next one go as soon as we might have."""
        self.before.add_done_callback(self._end)

    def _end(self, _: Future[None]) -> None:
        self._mine.set_result(None)

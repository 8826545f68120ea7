"""Waiting for models to become available: at the start and after a reload, without holding anything up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING

from serving.server.status import Code, ServingError

if TYPE_CHECKING:
    from serving.server.model_state import ModelState


class Waiter:
    """Somebody who waits until each of some models has an available version.

    Args:
        names: The models.
        noun: What the error calls them: `model(s)` after a reload, `servable(s)` at the start.
    """

    def __init__(self, names: Iterable[str], noun: str) -> None:
        self._open = set(names)
        self._noun = noun
        self.future: Future[None] = Future()

    def look(self, models: Mapping[str, ModelState]) -> bool:
        """Settles the future when it is clear how the wait ends; returns whether it is settled."""
        if self.future.done():
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
        return self.future.done()

    def _settle(self, error: ServingError | None) -> None:
        if not self.future.set_running_or_notify_cancel():
            return  # The one who waited has gone.
        if error:
            self.future.set_exception(error)
        else:
            self.future.set_result(None)

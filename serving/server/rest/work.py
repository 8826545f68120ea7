"""Work in a thread that can be given up, and that holds what it allocates within the budget.

Code that runs for long calls ``still_wanted`` now and then. On the event loop, where only small bodies are read, that does
nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, TypeVar

from serving.http.budget import Budget, Share
from serving.http.reader import NO_ROOM
from serving.server.status import Code, ServingError

_T = TypeVar("_T")
AT_ONCE: Final = 16 * 1024
"""How many values are processed in one call that holds Python's lock."""
_SEARCHED_AT_ONCE: Final = 1024 * 1024
_MANY_CONTAINERS: Final = 100_000
"""A document with more lists and objects is taken apart in steps: to free it at once would hold Python's lock."""
_CONTAINERS: Final = frozenset({list, dict})


class TooLargeError(ServingError):
    """A body that alone needs more memory than all requests together may hold; HTTP has a status of its own for it."""

    def __init__(self, total: int) -> None:
        super().__init__(
            Code.RESOURCE_EXHAUSTED,
            f"The request's body needs more memory than the {total} bytes that all requests may hold",
        )


class GivenUpError(Exception):
    """Nobody waits for the work any more."""


class Work:
    """One call in a thread.

    Args:
        budget: What it takes its memory from.
        deadline: When its result is too late, as ``time.monotonic`` counts; None means never.
        body_bytes: What the request's body already holds of the budget.
    """

    def __init__(self, budget: Budget, deadline: float | None = None, body_bytes: int = 0) -> None:
        self.share = Share(budget, body_bytes)
        self._budget = budget
        self._deadline = deadline
        self._gone = False
        self._document: Any = None
        self._containers = 0

    def give_up(self) -> None:
        """Ends the work at its next step; its result is not wanted."""
        self._gone = True

    def run(self, function: Callable[..., _T], *args: Any) -> tuple[Any, ServingError | None]:
        """Calls a function in this thread.

        Returns:
            Its result, or its error without the frames that would keep the request's data alive.
        """
        _current.work = self
        try:
            self.check()
            return function(*args), None
        except ServingError as error:
            failure = _without_frames(error)
        except UnicodeEncodeError:
            failure = invalid_surrogate()
        except GivenUpError:
            failure = ServingError(Code.CANCELLED, "The client has gone")
        finally:
            _current.work = None
            self._free()
        return None, failure

    def check(self, cost: int = 0) -> None:
        """Takes bytes, and ends the work if nobody waits for it, it is late, or there is no room for it."""
        if self._gone:
            raise GivenUpError
        if self._deadline is not None and time.monotonic() > self._deadline:
            raise ServingError(Code.DEADLINE_EXCEEDED, "Timed out waiting for notification")
        if cost and not self.share.take(cost):
            if self.share.fits(cost):
                raise ServingError(Code.UNAVAILABLE, NO_ROOM)
            raise TooLargeError(self._budget.total)

    def keep(self, document: Any, containers: int) -> None:
        """Takes over a document that has to be freed after the work."""
        self._document, self._containers = document, containers

    def _free(self) -> None:
        document, self._document = self._document, None
        if self._containers > _MANY_CONTAINERS:
            _take_apart(document)


def invalid_surrogate() -> ServingError:
    """Returns the error for half of a surrogate pair."""
    return ServingError(Code.INVALID_ARGUMENT, "JSON Parse error: The surrogate pair in string is invalid.")


def still_wanted(cost: int = 0) -> None:
    """Ends the work of this thread if it is not wanted any more.

    Args:
        cost: Bytes that it is about to allocate.
    """
    work = getattr(_current, "work", None)
    if work is not None:
        work.check(cost)


def keep_until_done(document: Any, containers: int) -> None:
    """Lets the work of this thread free a large document."""
    work = getattr(_current, "work", None)
    if work is not None:
        work.keep(document, containers)


def slices(values: Sequence[_T]) -> Iterator[Sequence[_T]]:
    """Yields values in slices that take no longer than a moment; few values as they are."""
    if len(values) <= AT_ONCE:
        yield values
        return
    for start in range(0, len(values), AT_ONCE):
        still_wanted()
        yield values[start : start + AT_ONCE]


def occurs(text: bytes | bytearray, wanted: bytes) -> bool:
    """Returns whether some bytes occur in a text, a step at a time."""
    return any(
        text.find(wanted, start, start + _SEARCHED_AT_ONCE + len(wanted)) >= 0
        for start in range(0, len(text), _SEARCHED_AT_ONCE)
    )


def _without_frames(error: ServingError) -> ServingError:
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def _take_apart(document: Any) -> None:
    """Frees a document step by step."""
    pending = [document]
    while pending:
        node = pending.pop()
        items = node
        if type(node) is dict:
            items = list(node.values())
            node.clear()
        del node
        while items:
            part = items[-AT_ONCE:]
            del items[-AT_ONCE:]
            if not _CONTAINERS.isdisjoint(map(type, part)):
                pending.extend(item for item in part if type(item) in _CONTAINERS)
            del part


_current: Final = threading.local()

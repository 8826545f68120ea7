"""Retries: which failures, how often and how far apart, never beyond the caller's deadline."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from serving.client.errors import CallError, DeadlineError, InputError
from serving.codes import Code

T = TypeVar("T")


@dataclass(frozen=True)
class Retries:
    """When and how often a failed call is retried.

    Before retry n the client waits a random time between half of ``min(longest, first * 2 ** n)`` seconds and all
    of it, so that many clients do not return at the same moment.

    Attributes:
        count: Retries after the first attempt; 0 means none.
        first: Seconds before the first retry.
        longest: The most seconds between two attempts.
        codes: The codes to retry. A connection that cannot be made or breaks counts as UNAVAILABLE.
    """

    count: int = 3
    first: float = 0.05
    longest: float = 2.0
    codes: frozenset[Code] = frozenset({Code.UNAVAILABLE})

    def __post_init__(self) -> None:
        if self.count < 0 or self.first < 0 or self.longest < 0:
            raise InputError("retries", expected="counts and seconds of at least 0", seen=str(self))

    def pause(self, retry: int) -> float:
        """Returns the seconds to wait before a retry, counted from 0."""
        most = min(self.longest, self.first * 2.0 ** min(retry, 60))
        return most * random.uniform(0.5, 1.0)


class Deadline:
    """The moment at which the caller stops waiting.

    Args:
        seconds: From now; None means no limit.
    """

    def __init__(self, seconds: float | None) -> None:
        if seconds is not None and not seconds > 0:
            raise InputError("timeout", expected="more than 0 seconds, or None", seen=str(seconds))
        self.seconds = seconds
        self._end = float("inf") if seconds is None else time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds left; infinite without a limit, negative once it has passed."""
        return self._end - time.monotonic()


def call(attempt: Callable[[float], T], deadline: Deadline, retries: Retries, model: str = "") -> T:
    """Makes a call and retries it after a failure that may be temporary.

    Args:
        attempt: Sends the request once; takes the seconds left.
        deadline: No attempt starts and no pause ends after it.
        retries: What to retry and how.
        model: The model, for the message.

    Raises:
        CallError: The last attempt's error, with the number of attempts.
    """
    attempts = 0
    while True:
        left = deadline.left
        if left <= 0:
            raise DeadlineError(
                Code.DEADLINE_EXCEEDED, f"no answer within {deadline.seconds:g} s", model=model
            )
        attempts += 1
        try:
            return attempt(left)
        except CallError as error:
            pause = retries.pause(attempts - 1)
            if error.code not in retries.codes or attempts > retries.count or pause >= deadline.left:
                raise error.after(attempts) from error.__cause__
        time.sleep(pause)

"""What is exchanged between a search and whoever fits its trials, in this process or in others."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol, Self

from components.tuner.result import Outcome
from foundation.errors import PenstockError, as_json, from_json

Left = Callable[[], float | None]
"""Seconds that are left of the search's time, negative once it is over; None if there is no limit."""
Over = Callable[[], bool]
"""Whether the search's time is over."""
Train = Callable[[Mapping[str, Any], int | None, Over], Outcome]
"""Trains with hyperparameters, for a given number of epochs if any, until time is over."""


@dataclass(frozen=True)
class Job:
    """A trial that is to be fitted.

    Attributes:
        trial: Its id.
        values: Its hyperparameters, as keras-tuner has them.
        epochs: Its number of epochs, if the oracle gives one.
        left: The time that is left.
    """

    trial: str
    values: Mapping[str, Any]
    epochs: int | None
    left: Left

    def over(self) -> bool:
        """Whether the search's time is over."""
        left = self.left()
        return left is not None and left < 0


@dataclass(frozen=True)
class Fitted:
    """What became of a job.

    Attributes:
        trial: Id of the trial.
        outcome: Its outcome with its seconds; with an error, the seconds alone.
        error: What was raised.
    """

    trial: str
    outcome: Outcome
    error: Exception | None = None

    def as_json(self) -> dict[str, Any]:
        """Returns it as plain JSON."""
        error = self.error
        told = as_json(error) if isinstance(error, PenstockError) else {"text": str(error)} if error else None
        return {"trial": self.trial, "outcome": asdict(self.outcome), "error": told}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Self:
        """Returns what ``as_json`` told of; an exception that is not ours keeps its text alone."""
        error: Exception | None = None
        if told["error"] is not None:
            error = from_json(told["error"]) if "kind" in told["error"] else None
            error = error or RuntimeError(told["error"].get("text", ""))
        return cls(told["trial"], Outcome(**told["outcome"]), error)


def fitted(train: Train, job: Job) -> Fitted:
    """Trains a trial in this process and returns what became of it, with its seconds."""
    begin = time.perf_counter()
    outcome, error = Outcome(), None
    try:
        outcome = train(job.values, job.epochs, job.over)
    except Exception as raised:  # noqa: BLE001 - the search decides whether it fails the trial or ends the search
        error = raised
    return Fitted(job.trial, replace(outcome, seconds=time.perf_counter() - begin), error)


class Fitter(Protocol):
    """Whoever fits the trials of a search."""

    def give(self, job: Job) -> None:
        """Takes a job, to be begun when there is room."""

    def take(self) -> Fitted:
        """Waits for a job that has ended, and returns what became of it."""

    def close(self) -> None:
        """Ends what was started."""


class InProcess:
    """Fits trials one after the other in this process.

    Args:
        train: Trains one trial.
    """

    def __init__(self, train: Train) -> None:
        self._train = train
        self._jobs: deque[Job] = deque()

    def give(self, job: Job) -> None:
        """Takes a job."""
        self._jobs.append(job)

    def take(self) -> Fitted:
        """Fits the job that was given first."""
        return fitted(self._train, self._jobs.popleft())

    def close(self) -> None:
        """Does nothing: there is nothing to end."""

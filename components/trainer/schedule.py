"""Schedule of a training: steps per epoch, epochs, and steps that run at once."""

from __future__ import annotations

import math
from dataclasses import dataclass

from components.trainer.config import TrainConfig

LARGEST_EXECUTION = 500
"""Most steps that run without returning to Python."""


@dataclass(frozen=True)
class Schedule:
    """Steps per epoch, and number of epochs."""

    steps_per_epoch: int
    epochs: int


def plan_schedule(train: TrainConfig, rows: int) -> Schedule:
    """Plans epochs of a tenth of the steps or one pass over the data, whichever is less, unless given.

    The epochs add up to ``steps`` if a length near that divides it; otherwise they fall short by less than one epoch.
    """
    one_pass = max(1, math.ceil(rows / train.batch_size))
    if train.steps is None:
        return Schedule(train.steps_per_epoch or one_pass, train.epochs or 10)
    length = min(train.steps_per_epoch or min(one_pass, max(1, train.steps // 10)), train.steps)
    if not train.steps_per_epoch:
        length = next((n for n in range(length, max(1, length // 2), -1) if train.steps % n == 0), length)
    return Schedule(length, max(1, train.steps // length))


def steps_an_execution(steps: int) -> int:
    """Returns the largest divisor of ``steps`` within the limit, so that no execution crosses the end of an epoch."""
    return next(n for n in range(min(steps, LARGEST_EXECUTION), 0, -1) if steps % n == 0)

"""How many steps an epoch has, how many epochs there are, how many steps run at once."""

from __future__ import annotations

import math
from dataclasses import dataclass

from components.trainer.config import TrainConfig

LARGEST_EXECUTION = 500
"""Most steps that run without coming back to Python."""


@dataclass(frozen=True)
class Schedule:
    """How many steps an epoch has, and how many epochs there are."""

    steps_per_epoch: int
    epochs: int


def plan_schedule(train: TrainConfig, rows: int) -> Schedule:
    """Works out epochs: a tenth of the steps or one pass over the data, whichever is less, unless told.

    ``steps`` is met exactly where an epoch of about that length divides it, else from below by less than one epoch.
    """
    one_pass = max(1, math.ceil(rows / train.batch_size))
    if train.steps is None:
        return Schedule(train.steps_per_epoch or one_pass, train.epochs or 10)
    length = min(train.steps_per_epoch or min(one_pass, max(1, train.steps // 10)), train.steps)
    if not train.steps_per_epoch:
        length = next((n for n in range(length, max(1, length // 2), -1) if train.steps % n == 0), length)
    return Schedule(length, max(1, train.steps // length))


def steps_an_execution(steps: int) -> int:
    """Returns the largest divisor of ``steps`` that is small enough: an execution never crosses an epoch's end."""
    return next(n for n in range(min(steps, LARGEST_EXECUTION), 0, -1) if steps % n == 0)

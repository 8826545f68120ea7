"""Schedule of a training: steps per epoch, epochs, and steps that run at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from components.trainer.config import TrainConfig

LARGEST_EXECUTION = 500
"""Most steps that run without returning to Python."""


@dataclass(frozen=True)
class Schedule:
    """Steps per epoch, number of epochs, and steps in all."""

    steps_per_epoch: int
    epochs: int
    steps: int = 0
    """Steps of all epochs; the last epoch may be a shorter one. 0 in results of earlier versions: all are whole."""

    @property
    def total(self) -> int:
        """Steps of all epochs."""
        return self.steps or self.steps_per_epoch * self.epochs

    def done(self, epochs: int) -> int:
        """Returns the steps of a number of epochs."""
        return min(self.total, self.steps_per_epoch * epochs)


def plan_schedule(train: TrainConfig, rows: int) -> Schedule:
    """Plans epochs of a tenth of the steps or one pass over the data, whichever is less, unless given.

    The epochs add up to ``steps``: to equal ones if a length near that divides it, otherwise the last one is shorter.

    Args:
        train: The ``train`` slice with a batch size, and steps or epochs.
        rows: Rows of the train split.
    """
    one_pass = max(1, math.ceil(rows / (train.batch_size or rows)))
    if train.steps is None:
        length = train.steps_per_epoch or one_pass
        epochs = train.epochs or 1
        return Schedule(length, epochs, length * epochs)
    length = min(train.steps_per_epoch or min(one_pass, max(1, train.steps // 10)), train.steps)
    if not train.steps_per_epoch:
        length = next((n for n in range(length, max(1, length // 2), -1) if train.steps % n == 0), length)
    return Schedule(length, math.ceil(train.steps / length), train.steps)


def steps_an_execution(schedule: Schedule) -> int:
    """Returns the largest number of steps within the limit that no execution takes past the end of an epoch."""
    common = math.gcd(schedule.steps_per_epoch, schedule.total)
    return next(n for n in range(min(common, LARGEST_EXECUTION), 0, -1) if common % n == 0)


def still_improving(losses: Sequence[float]) -> bool:
    """Returns whether the loss of the last epoch is the lowest, and fell by over a thousandth in the last tenth.

    A learning rate that falls to 0 makes the last losses the lowest by next to nothing: that is the end of a training.
    """
    if len(losses) < 2 or losses[-1] >= min(losses[:-1]):
        return False
    before = losses[-1 - max(1, len(losses) // 10)]
    return before - losses[-1] > 1e-3 * abs(before)

"""``history.json``: the history of a training, epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

from pydantic import Field

from components.trainer.schedule import Schedule
from foundation.result import Result


@dataclass(frozen=True)
class TrainingHistory(Result):
    """The history of a training."""

    FILE: ClassVar[str] = "history.json"

    epochs: tuple[dict[str, int | float], ...]
    """Number, seconds and metrics of each epoch; ``val_`` marks the validation split."""
    schedule: Schedule = field(default_factory=lambda: Schedule(0, 0))
    """Planned epochs and steps."""
    best_epoch: int | None = None
    """The epoch whose weights were kept; null without early stopping."""
    stopped_early: bool = False
    """Whether early stopping ended the training."""
    seconds: float = 0.0
    """Wall time of fitting."""
    rows: dict[str, int] = field(default_factory=dict)
    """Split → rows."""
    rows_without_label: dict[str, int] = field(default_factory=dict)
    """Split → rows skipped because they have no label."""
    parts: dict[str, float] = field(default_factory=dict)
    """Part of the run → seconds."""
    warm_start: str = ""
    """Whether training started from the last blessed model's weights."""
    reason: Annotated[str | None, Field(exclude_if=lambda reason: reason is None)] = None
    """How many of those weights were used, or why none were; missing without a blessed model."""
    model: dict[str, Any] = field(default_factory=dict)
    """The document's ``model``."""
    train: dict[str, Any] = field(default_factory=dict)
    """The document's ``train``."""

    @property
    def counted(self) -> Mapping[str, int]:
        """Number of completed steps."""
        return {"steps": self.schedule.steps_per_epoch * len(self.epochs)}

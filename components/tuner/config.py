"""The ``tune`` slice of the document: a search for hyperparameters before training."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from components.trainer.metrics import TRAINING_METRICS, objectives
from foundation.config import Config
from foundation.errors import SpecError, near_miss


class RangeConfig(Config):
    """A range or a choice of one hyperparameter."""

    choice: list[float | int | str | list[int]] | None = None
    """The values to choose from."""
    min: float | None = None
    """Smallest value of a range."""
    max: float | None = None
    """Largest value of a range."""
    log: bool = False
    """Sample the range on a logarithmic scale."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, data: Any) -> Any:
        return {"choice": data} if isinstance(data, list) else data

    @model_validator(mode="after")
    def _complete(self) -> RangeConfig:
        is_range = self.min is not None and self.max is not None
        if is_range == (self.choice is not None):
            raise ValueError("give a list of choices, or min and max")
        if is_range and self.min >= self.max:  # type: ignore[operator]
            raise ValueError("min must be less than max")
        return self


def _default_space() -> dict[str, RangeConfig]:
    return {
        "learning_rate": RangeConfig(min=1e-4, max=1e-2, log=True),
        "hidden": RangeConfig(choice=[[32], [64, 32], [128, 64]]),
        "dropout": RangeConfig(choice=[0.0, 0.1, 0.3]),
    }


class TuneConfig(Config):
    """A hyperparameter search with keras-tuner; it never sees the test split."""

    algorithm: Literal["random", "bayesian", "hyperband"] = "bayesian"
    """The tuner that proposes trials."""
    trials: int | None = Field(default=10, ge=1)
    """Largest number of trials (random, bayesian)."""
    minutes: float | None = Field(default=None, gt=0)
    """No new trial starts after this many minutes."""
    epochs: int | None = Field(default=None, ge=1)
    """Largest number of epochs per trial (hyperband's budget)."""
    objective: str = "val_loss"
    """What to optimise: val_loss, or val_ and a metric of the task (val_auc)."""
    search: dict[str, RangeConfig] = Field(default_factory=_default_space)
    """Hyperparameter (a key of ``model``, or learning_rate, batch_size) → values to try."""
    seed: int = 42
    """Seed of the search."""


def direction_of(objective: str) -> Literal["min", "max"]:
    """Returns whether to minimise the objective (losses and errors) or maximise it."""
    bare = objective.removeprefix("val_")
    known = [metrics[bare] for metrics in TRAINING_METRICS.values() if bare in metrics]
    return "min" if bare == "loss" or any(not one.higher_is_better for one in known) else "max"


def check_objective(objective: str, task: str) -> None:
    """Refuses an objective that training does not track.

    Args:
        objective: The objective of the document.
        task: binary, multiclass or regression.

    Raises:
        SpecError: It is none of them.
    """
    known = objectives(task)
    if objective not in known:
        expected = f"one of {', '.join(known)}"
        raise SpecError(
            "tune.objective", expected=expected, seen=objective, remedy=near_miss(objective, known)
        )

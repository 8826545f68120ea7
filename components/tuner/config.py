"""The ``tune`` slice of the document: a search for hyperparameters before training."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from components.trainer.metrics import TRAINING_METRICS, objectives
from foundation.config import Config
from foundation.errors import SpecError, near_miss

Direction = Literal["min", "max"]

LIMITS = ("trials", "minutes")
"""Keys that say when a search ends, not what it searches: with more of them the same search continues."""
NOT_SEARCHED = (*LIMITS, "side_by_side")
"""Keys that do not say what is searched: with another value the same search continues."""


class RangeConfig(Config):
    """A range or a choice of one hyperparameter."""

    choice: list[bool | int | float | str | list[int]] | None = None
    """The values to choose from, all of one kind."""
    min: int | float | None = None
    """Smallest value of a range."""
    max: int | float | None = None
    """Largest value of a range; it may be chosen as well."""
    log: bool = False
    """Sample the range on a logarithmic scale."""
    type: Literal["int", "float"] | None = None
    """Whether your own hyperparameter takes whole numbers or fractions; by default whole numbers if both bounds are
    written as such (``1``, not ``1.0``). A key of ``model`` or ``train`` has its own."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, data: Any) -> Any:
        if isinstance(data, dict) and any(isinstance(data.get(key), bool) for key in ("min", "max")):
            raise ValueError("min and max must be numbers; write choice: [true, false]")
        return {"choice": data} if isinstance(data, list) else data

    @model_validator(mode="after")
    def _complete(self) -> RangeConfig:
        if self.choice is not None:
            if self.min is not None or self.max is not None or self.log or self.type is not None:
                raise ValueError("a list of choices has no min, max, log or type")
            _check_choice(self.choice)
        elif self.min is None or self.max is None:
            raise ValueError("give a list of choices, or min and max")
        else:
            self._check_range(self.min, self.max)
        return self

    def _check_range(self, low: float, high: float) -> None:
        if low >= high:
            raise ValueError("min must be less than max")
        if self.log and low <= 0:
            raise ValueError(f"a logarithmic range must start above 0, not at {low:g}")
        if self.type == "int" and not (float(low).is_integer() and float(high).is_integer()):
            raise ValueError("type: int needs whole bounds")

    @property
    def whole(self) -> bool:
        """Whether a range of your own hyperparameter is one of whole numbers."""
        if self.type is not None:
            return self.type == "int"
        return isinstance(self.min, int) and isinstance(self.max, int)


def _check_choice(values: list[Any]) -> None:
    """Refuses what is no choice: nothing, the same value twice, values of several kinds.

    Raises:
        ValueError: It is one of these.
    """
    if not values:
        raise ValueError("there is nothing to choose from; give at least one value")
    if len({_kind(value) for value in values}) > 1:
        raise ValueError("values of several kinds; give numbers, or texts, or lists, or true and false")
    twice = [value for index, value in enumerate(values) if value in values[:index]]
    if twice:
        raise ValueError(f"{json.dumps(twice[0])} is listed twice; keep one")
    if any(isinstance(value, str) and value.startswith("[") for value in values):
        raise ValueError("a text that begins with '[' would be read as a list; write a list, or other texts")


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    return "number" if isinstance(value, int | float) else type(value).__name__


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
    """Largest number of trials; null sets none. Without it, hyperband runs its whole schedule."""
    minutes: float | None = Field(default=None, gt=0)
    """The search ends after this many minutes, also within a trial."""
    epochs: int | None = Field(default=None, ge=1)
    """Largest number of epochs per trial (hyperband's budget)."""
    side_by_side: Literal["auto"] | Annotated[int, Field(ge=1)] = 1
    """Largest number of trials that run at once, each in a process of its own with its share of the cores: never more than
    there are cores, or than memory holds. auto is the number of cores, and 1 for bayesian, whose suggestions depend on it."""
    objective: str = "val_loss"
    """What to optimise: val_loss, val_ and a metric of the task (val_auc), or val_ and a metric that your own model is
    compiled with."""
    direction: Direction | None = None
    """Whether less or more of the objective is better; only for a metric of your own model."""
    search: dict[str, RangeConfig] = Field(default_factory=_default_space)
    """Hyperparameter (a key of ``model``, or learning_rate, batch_size, weight_decay) → values to try."""
    seed: int = 42
    """Seed of the search."""

    @model_validator(mode="before")
    @classmethod
    def _own_schedule(cls, data: Any) -> Any:
        """Gives hyperband no number of trials but a written one."""
        if isinstance(data, dict) and data.get("algorithm") == "hyperband" and "trials" not in data:
            return {**data, "trials": None}
        return data

    @property
    def goal(self) -> Direction:
        """Whether to minimise or maximise the objective."""
        return self.direction or direction_of(self.objective)


def direction_of(objective: str) -> Direction:
    """Returns whether to minimise a known objective (losses and errors) or maximise it."""
    bare = objective.removeprefix("val_")
    known = [metrics[bare] for metrics in TRAINING_METRICS.values() if bare in metrics]
    return "min" if bare == "loss" or any(not one.higher_is_better for one in known) else "max"


def objective_fault(tune: TuneConfig, task: str, own_model: bool) -> tuple[str, str, str] | None:
    """Returns what is wrong with the objective, or None: the key at fault, what is wrong, and the remedy.

    Training tracks the metrics of the task. The author of a model that is compiled in ``build_model`` may track others;
    which ones only running it tells, so ``direction`` states that there is such a metric and which way is better.

    Args:
        tune: The ``tune`` slice.
        task: binary, multiclass or regression.
        own_model: Whether the model is the user's own.
    """
    known, wanted = objectives(task), tune.objective
    if wanted in known:
        if tune.direction not in (None, direction_of(wanted)):
            what = f"{wanted} is better the {'lower' if direction_of(wanted) == 'min' else 'higher'} it is"
            return "direction", what, "remove direction"
        return None
    # The shared prefix would make every word a near miss.
    bare = [name.removeprefix("val_") for name in known]
    near = near_miss(wanted.removeprefix("val_"), bare).replace("mean '", "mean 'val_")
    if not own_model:
        what = f"training a {task} model does not compute {wanted!r}"
        return "objective", what, near or f"known: {', '.join(known)}"
    if not wanted.startswith("val_") or wanted == "val_":
        what = f"{wanted!r} is not measured on the validation split"
        return "objective", what, f"write {'val_' + wanted.removeprefix('val_')!r}"
    if tune.direction is None:
        what = f"training a {task} model does not compute {wanted!r} by itself"
        remedy = (
            f"{near + ' ' if near else ''}if build_model compiles its model with a metric"
            f" {wanted.removeprefix('val_')!r}, add tune.direction: max (or min); known: {', '.join(known)}"
        )
        return "objective", what, remedy
    return None


def check_objective(tune: TuneConfig, task: str, own_model: bool) -> None:
    """Refuses an objective that training does not track.

    Raises:
        SpecError: See ``objective_fault``.
    """
    fault = objective_fault(tune, task, own_model)
    if fault:
        key, what, remedy = fault
        raise SpecError(f"tune.{key}", seen=what, remedy=remedy)

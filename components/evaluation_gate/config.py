"""The ``evaluate`` slice of the document: metrics, and the gates a model must pass to be blessed."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from components.evaluator.config import MeasureConfig
from foundation.config import Allowance, Config

_LIMITS = (
    "at_least",
    "at_most",
    "not_worse_than_blessed_by",
    "better_than_constant",
    "not_worse_than_linear_by",
)


class GateConfig(Config):
    """Bounds on one metric that a model must meet to be blessed."""

    at_least: float | None = None
    """Smallest value."""
    at_most: float | None = None
    """Largest value."""
    not_worse_than_blessed_by: Allowance | None = None
    """How much worse than the last blessed model the metric may be, in the metric's unit or as a share such as 1%."""
    best_of_last: int = Field(default=10, ge=1)
    """Of how many blessed models the best one counts: many small losses in a row are a large one; 1 is the last alone."""
    better_than_constant: bool = False
    """Whether the metric must be better than with one answer for all rows, the commonest class or the mean."""
    not_worse_than_linear_by: Allowance | None = None
    """How much worse than a linear model of the same rows the metric may be, in its unit or as a share such as 3%."""
    slices: list[str] = Field(default_factory=lambda: ["overall"])
    """Where it must hold: overall, or a slice of ``evaluate.slices``, for each of its values; comparisons also overall."""
    min_rows: int = Field(default=100, ge=1)
    """A slice value with fewer rows is reported but does not decide."""
    min_positives: int | None = Field(default=None, ge=0)
    """The same for rows with a positive label; by default 20 for metrics that need them, such as auc and recall, else 0."""
    min_negatives: int | None = Field(default=None, ge=0)
    """The same for rows with a negative label; by default 20 for auc and auc_pr, else 0."""
    on_interval: bool | Literal["everywhere"] = False
    """Whether overall the worse end of the 95% interval decides instead of the value; ``everywhere``: in slices, too."""

    @model_validator(mode="after")
    def _bounded(self) -> GateConfig:
        # 0 is a bound, and equal to False.
        if all(getattr(self, name) is None or getattr(self, name) is False for name in _LIMITS):
            raise ValueError(f"give {', '.join(_LIMITS[:-1])} or {_LIMITS[-1]}")
        return self


class EvaluateConfig(MeasureConfig):
    """What is measured on the test split, and what a model must reach."""

    gates: dict[str, GateConfig] | Literal["none"]
    """Metric → bounds; ``none`` blesses every model."""

    @model_validator(mode="before")
    @classmethod
    def _numbers(cls, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("gates"), dict):
            gates = {
                k: {"at_least": v} if isinstance(v, (int, float)) and not isinstance(v, bool) else v
                for k, v in data["gates"].items()
            }
            return {**data, "gates": gates}
        return data

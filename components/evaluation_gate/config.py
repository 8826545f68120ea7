"""The ``evaluate`` slice of the document: metrics, and the gates a model must pass to be blessed."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from components.evaluator.config import MeasureConfig
from foundation.config import Config


class GateConfig(Config):
    """Bounds on one metric that a model must meet to be blessed."""

    at_least: float | None = None
    """Smallest value."""
    at_most: float | None = None
    """Largest value."""
    not_worse_than_blessed_by: float | None = Field(default=None, ge=0)
    """How much worse than the last blessed model the metric may be, in the metric's unit."""
    slices: list[str] = Field(default_factory=lambda: ["overall"])
    """Where it must hold: overall, or a slice of ``evaluate.slices``, for each of its values."""
    min_rows: int = Field(default=100, ge=1)
    """A slice value with fewer rows is reported but does not decide."""
    on_interval: bool = False
    """Decide on the worse end of the 95% confidence interval instead of the value."""

    @model_validator(mode="after")
    def _bounded(self) -> GateConfig:
        if self.at_least is None and self.at_most is None and self.not_worse_than_blessed_by is None:
            raise ValueError("give at_least, at_most or not_worse_than_blessed_by")
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

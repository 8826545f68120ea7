"""The ``evaluate`` slice of the document: what is measured, and the gates that bless a model."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from components.evaluator.config import MeasureConfig
from foundation.config import Config


class GateConfig(Config):
    """Bounds on one metric that a model has to hold to be blessed."""

    at_least: float | None = None
    """Smallest value."""
    at_most: float | None = None
    """Largest value."""
    not_worse_than_blessed_by: float | None = Field(default=None, ge=0)
    """How much worse than the last blessed model the metric may be, in the metric's unit."""
    slices: list[str] = Field(default_factory=lambda: ["overall"])
    """Where it has to hold: overall, or a slice of ``evaluate.slices``, each of its values by itself."""
    min_rows: int = Field(default=100, ge=1)
    """A slice value with fewer rows is reported and never decides."""
    on_interval: bool = False
    """Decide on the unfavourable end of the 95% confidence interval in place of the value."""

    @model_validator(mode="after")
    def _bounded(self) -> GateConfig:
        if self.at_least is None and self.at_most is None and self.not_worse_than_blessed_by is None:
            raise ValueError("give at_least, at_most or not_worse_than_blessed_by")
        return self


class EvaluateConfig(MeasureConfig):
    """What is measured on the test split and what a model has to reach."""

    gates: dict[str, GateConfig] | Literal["none"]
    """Metric → bounds; written as ``none`` where every model shall be blessed."""

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

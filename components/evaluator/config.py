"""The Evaluator's part of the ``evaluate`` slice: metrics and slices, without the gates."""

from __future__ import annotations

from pydantic import Field

from foundation.config import Config


class MeasureConfig(Config):
    """What is measured on the test split."""

    metrics: list[str] = Field(min_length=1)
    """Names of metrics; which are available depends on model.task."""
    slices: list[str | list[str]] = Field(default_factory=list)
    """Features whose values split the metrics; a list crosses several."""
    confidence_intervals: bool = True
    """Whether to compute 95% intervals (jackknife over 20 groups of rows)."""

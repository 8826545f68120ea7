"""What the ``evaluate`` slice of the document says to the Evaluator: metrics and slices; the gates are not its business."""

from __future__ import annotations

from pydantic import Field

from foundation.config import Config


class MeasureConfig(Config):
    """What is measured on the test split."""

    metrics: list[str] = Field(min_length=1)
    """Names of metrics; which ones there are depends on model.task."""
    slices: list[str | list[str]] = Field(default_factory=list)
    """Features by whose values metrics are computed; a list is a crossing."""
    confidence_intervals: bool = True
    """Whether 95% intervals are computed (jackknife over 20 groups of rows)."""

"""The ``validate`` slice of the document: drift, skew, and the effect of an anomaly."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from foundation.config import Config


class DistanceConfig(Config):
    """Largest allowed distance between two distributions of a feature."""

    l_infinity: float | None = Field(default=None, gt=0, le=1)
    """For categorical features: largest difference in any value's share."""
    jensen_shannon: float | None = Field(default=None, gt=0, le=1)
    """For numeric features: Jensen-Shannon divergence, base 2."""

    @model_validator(mode="after")
    def _one(self) -> DistanceConfig:
        if (self.l_infinity is None) == (self.jensen_shannon is None):
            raise ValueError("give exactly one of l_infinity (categorical) and jensen_shannon (numeric)")
        return self


class ValidateConfig(Config):
    """Checks of the data against its schema, of drift since the previous span, and of skew between splits."""

    drift: dict[str, DistanceConfig] = Field(default_factory=dict)
    """Feature → largest distance from the previous span."""
    skew: dict[str, DistanceConfig] = Field(default_factory=dict)
    """Feature → largest distance between the train split and the test split."""
    on_anomaly: Literal["stop", "warn"] = "stop"
    """Whether an anomaly stops the run or is shown as a warning."""
    leakage_auc: float = Field(default=0.99, gt=0.5, le=1)
    """Warn that a feature leaks the label if it alone predicts it with at least this AUC."""

"""The ``validate`` slice of the document: drift, equal splits, and the effect of an anomaly."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from foundation.config import Config

PRACTICAL = 0.02
"""Smallest PSI beyond chance that counts as drift: 0.15 standard deviations, or 7 points of a value that half have."""


class DistanceConfig(Config):
    """How two distributions of a feature are compared; ``calibrated`` alone is the short form."""

    calibrated: float | None = Field(default=None, gt=0, le=10)
    """For every type: a test whose false alarms are known at any number of rows; the smallest PSI beyond chance that
    matters, 0.02 in the short form."""
    l_infinity: float | None = Field(default=None, gt=0, le=1)
    """For categorical features: largest difference in any value's share."""
    jensen_shannon: float | None = Field(default=None, gt=0, le=1)
    """For numeric features: Jensen-Shannon divergence, base 2."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, data: Any) -> Any:
        return {data: PRACTICAL} if isinstance(data, str) else data

    @model_validator(mode="after")
    def _one(self) -> DistanceConfig:
        if sum(getattr(self, name) is not None for name in type(self).model_fields) != 1:
            raise ValueError(
                "give exactly one of calibrated (any type), l_infinity (categorical) and jensen_shannon (numeric)"
            )
        return self


class ValidateConfig(Config):
    """Checks of the data against its schema, of drift since the previous span, and of the splits' likeness."""

    drift: dict[str, DistanceConfig] = Field(default_factory=dict)
    """Feature → how it is compared with the previous span."""
    train_test: dict[str, DistanceConfig] = Field(default_factory=dict)
    """Feature → how the train split is compared with the test split. A split by hash makes them equal by design; one by
    time does not."""
    on_anomaly: Literal["stop", "warn"] = "stop"
    """Whether an anomaly stops the run or is shown as a warning."""
    leakage_auc: float = Field(default=0.99, gt=0.5, le=1)
    """Warn that a feature leaks the label if it alone predicts it with at least this AUC."""

    @model_validator(mode="before")
    @classmethod
    def _renamed(cls, data: Any) -> Any:
        if isinstance(data, dict) and "skew" in data:
            raise ValueError(
                "skew compared train with test, not with served data; it is now called train_test"
            )
        return data

    @property
    def tfdv_drift(self) -> dict[str, DistanceConfig]:
        """The drift checks that TFDV measures."""
        return {name: check for name, check in self.drift.items() if check.calibrated is None}

"""The ``planned`` slice of an experiment: its size, the error that it may make, and what counts as better."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from foundation.config import Config
from foundation.quantities import Share

_PERCENT = re.compile(r"([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))\s*%")


def _margin_of(value: Any) -> Any:
    if isinstance(value, str):
        match = _PERCENT.fullmatch(value.strip())
        if not match:
            raise ValueError("expected a difference such as 0.01, 1% or -0.5%")
        return float(match[1]) / 100
    return value


Margin = Annotated[
    float,
    Field(allow_inf_nan=False),
    BeforeValidator(_margin_of),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number"},
                {"type": "string", "pattern": r"^\s*[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)\s*%\s*$"},
            ]
        }
    ),
]
"""A difference of mean rewards, with its sign: ``0.01``, ``1%`` or ``-0.5%`` (points, for rewards of 0 and 1)."""


class PlannedConfig(Config):
    """How large the experiment is meant to be, and when the verdict is sure enough."""

    units: int = Field(default=20_000, ge=100)
    """Units of all arms together. The interval is narrowest there; the experiment may be looked at any time, and may end earlier."""
    alpha: Annotated[Share, Field(gt=0, lt=0.5)] = 0.05
    """Chance that an interval ever misses the true difference, however often it is looked at; arms share it."""
    margin: Margin = 0.0
    """By how much an arm must be better than control to be promoted; below 0 it may be that much worse."""
    better: Literal["higher", "lower"] = "higher"
    """Which rewards are better."""
    sides: Literal["two", "one"] = "two"
    """two: the interval misses at either end with alpha; one: alpha holds for each end, so that it is narrower."""
    interval: Literal["asymptotic", "exact"] = "asymptotic"
    """exact: holds from the first unit on, for rewards of 0 and 1 only, and needs two to three times as many units."""
    minimum: int = Field(default=30, ge=30)
    """Successes, and failures, that each arm needs before the asymptotic interval is looked at; for numbers, as many in effect."""
    cap: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """Rewards beyond this count as this (and below its negative as that), so that few huge ones do not decide alone."""
    covariate: Annotated[str, Field(min_length=1)] | None = None
    """Feature of the request with a number known before the assignment, such as the former model's score: the comparison is
    adjusted by it and needs fewer units, the more it says about the reward."""
    mismatch_alpha: Annotated[Share, Field(gt=0, lt=0.5)] = 0.001
    """Chance that the alarm on the arms' shares is ever false."""
    rates: dict[str, Margin] = Field(default_factory=dict)
    """Arm → mean reward as guessed beforehand, for 'penstock experiment simulate'."""
    deviation: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """Standard deviation of rewards that are numbers as guessed beforehand, for 'penstock experiment simulate'."""
    per_day: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """New units a day as guessed beforehand, for 'penstock experiment simulate'."""

    @model_validator(mode="after")
    def _possible(self) -> PlannedConfig:
        if self.interval == "exact" and self.cap is not None:
            raise ValueError(
                "cap is for rewards that are numbers, and interval: exact for rewards of 0 and 1"
            )
        return self

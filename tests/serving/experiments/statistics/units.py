"""Simulated units for the tests of the statistics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from serving.experiments.state.store import Assigned, Matured
from serving.experiments.statistics.config import PlannedConfig
from serving.experiments.statistics.design import Design


def unit(
    arm: str,
    reward: float | None,
    shares: Mapping[str, float],
    at: float = 0.0,
    covariate: float | None = None,
) -> Matured:
    """Returns a unit whose window is closed."""
    return Matured("", arm, shares[arm], shares, 1, 0, at, covariate, reward)


def assigned(arm: str, shares: Mapping[str, float], at: float = 0.0) -> Assigned:
    """Returns a unit at its first exposure."""
    return Assigned("", arm, shares[arm], shares, 1, 0, at)


def design(
    arms: Sequence[str] = ("old", "new"), binary: bool = True, missing_fails: bool = True, **planned: object
) -> Design:
    """Returns a design whose control is the first arm."""
    return Design(
        tuple(arms), arms[0], binary, missing_fails, PlannedConfig.model_validate(planned), window=3600.0
    )

"""Declarations of the resolvers: TFX's own node with strategies whose answers are stable."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfx.dsl.components.common.resolver import Resolver
from tfx.dsl.input_resolution.strategies.latest_blessed_model_strategy import LatestBlessedModelStrategy
from tfx.types import standard_artifacts
from tfx.types.channel import BaseChannel, Channel

from components.resolvers.strategies import (
    BlessedBeforeStrategy,
    BlessedNowStrategy,
    PreviousStatisticsStrategy,
)

if TYPE_CHECKING:
    from components.node import Build


def previous_statistics(at: Build, current: BaseChannel) -> Resolver:
    """Returns the node that finds the statistics before ``current``, ``previous``, and the rows behind them, ``examples``."""
    return Resolver(
        strategy_class=PreviousStatisticsStrategy,
        current=current,
        previous=Channel(type=standard_artifacts.ExampleStatistics),
        examples=Channel(type=standard_artifacts.Examples),
    )


def warm_start_model(at: Build) -> Resolver:
    """Returns the node that finds the latest blessed model; its output is ``model``."""
    return Resolver(
        strategy_class=LatestBlessedModelStrategy,
        model=Channel(type=standard_artifacts.Model),
        model_blessing=Channel(type=standard_artifacts.ModelBlessing),
    )


def baseline_model(at: Build, candidate: BaseChannel) -> Resolver:
    """Returns the node that finds the model blessed before ``candidate``; its output is ``model``."""
    return Resolver(
        strategy_class=BlessedBeforeStrategy,
        candidate=candidate,
        model=Channel(type=standard_artifacts.Model),
        model_blessing=Channel(type=standard_artifacts.ModelBlessing),
        infra_blessing=Channel(type=standard_artifacts.InfraBlessing),
    )


def blessed_model(at: Build, **this_run: BaseChannel) -> Resolver:
    """Returns the node that finds this run's model if it is blessed, else the last one that was; its output is ``model``.

    Args:
        at: What the node is built from.
        this_run: ``candidate`` and what was said of it: ``verdict`` and, if it was served, ``served``.
    """
    return Resolver(
        strategy_class=BlessedNowStrategy,
        model=Channel(type=standard_artifacts.Model),
        model_blessing=Channel(type=standard_artifacts.ModelBlessing),
        infra_blessing=Channel(type=standard_artifacts.InfraBlessing),
        **this_run,
    )

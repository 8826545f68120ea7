"""Declaration of StatisticsGen: the stock TFX component, unchanged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfx.components.statistics_gen.component import StatisticsGen
from tfx.types.channel import BaseChannel

if TYPE_CHECKING:
    from components.node import Build


def build(at: Build, examples: BaseChannel) -> StatisticsGen:
    """Returns the node."""
    return StatisticsGen(examples=examples)

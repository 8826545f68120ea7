"""Declaration of ExampleValidator: the stock TFX component, unchanged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfx.components.example_validator.component import ExampleValidator
from tfx.types.channel import BaseChannel

if TYPE_CHECKING:
    from components.node import Build


def build(at: Build, statistics: BaseChannel, schema: BaseChannel) -> ExampleValidator:
    """Returns the node."""
    return ExampleValidator(statistics=statistics, schema=schema)

"""The ``tokens`` and ``limits`` slices of the experiments' document: who may report rewards and control experiments."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from foundation.config import Config

_VARIABLE = r"^[A-Za-z_][A-Za-z0-9_]*$"

Variable = Annotated[str, StringConstraints(pattern=_VARIABLE, max_length=120)]

SHORTEST_TOKEN = 16
"""The fewest characters of a token."""


class TokensConfig(Config):
    """Names of the environment variables that hold the Bearer tokens; the tokens themselves are never in the document."""

    reward: Variable | None = None
    """Variable with the token for reporting rewards. Without one, rewards are taken on loopback addresses only."""
    control: Variable | None = None
    """Variable with the token for status and control. Without one, both are open on loopback addresses only."""


class LimitsConfig(Config):
    """What a process remembers, and what one call to the endpoints of experiments may hold."""

    units: int = Field(default=1_000_000, ge=1)
    """The most units of an experiment whose first arm is remembered where shares move, about 120 bytes each. Beyond it
    control answers new units, and they are not counted."""

    body: int = Field(default=1024**2, ge=1024)
    """The most bytes of a body."""
    rewards: int = Field(default=1000, ge=1)
    """The most rewards of a bulk call."""
    waiting: int = Field(default=10_000, ge=1)
    """The most rewards that wait to be written at a time; further ones are answered with 429."""

"""The ``mode`` slice of an experiment: how traffic is divided between its arms."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import Field, model_validator

from foundation.config import Config
from foundation.quantities import Duration, Share
from serving.experiments.modes.registry import MODES

_TYPES: Final = {"enum": sorted(MODES)}
_REAL: Final = 1e-9


class ModeConfig(Config):
    """How traffic is divided: ``split``, or ``{type: thompson, every: 5m, floor: 5%, step: 10%}``."""

    type: Annotated[str, Field(json_schema_extra=_TYPES)] = "split"
    """split and shadow do not learn; thompson, epsilon_greedy, ucb and linear move traffic to what earns more."""
    every: Annotated[Duration, Field(gt=0)] = 300.0
    """The interval: probabilities are frozen for this long, so that they are exactly the propensities."""
    floor: Share = 0.05
    """The least share of each arm."""
    control_floor: Share = 0.1
    """The least share of control."""
    step: Annotated[Share, Field(gt=0)] = 0.1
    """The most that an arm's share changes from one interval to the next."""
    stickiness: Literal["new_units", "epochs"] = "new_units"
    """Whom moving shares concern: only units not seen before, or all units once in each epoch."""
    epoch: Annotated[Duration, Field(gt=0)] = 86400.0
    """With stickiness epochs: how long a unit keeps its arm."""
    half_life: Annotated[Duration, Field(gt=0)] | None = None
    """Rewards count half after this long, for worlds that change; without it they count for ever."""
    seed: int = Field(default=0, ge=0, lt=2**63)
    """Seed of the random draws; the same rewards then give the same shares."""
    draws: int = Field(default=4096, ge=256, le=100_000)
    """thompson: draws from the posterior behind each arm's probability of being best."""
    epsilon: Share = 0.1
    """epsilon_greedy: the share that is spread evenly over the arms; the rest goes to the best."""
    exploration: float = Field(default=1.0, ge=0, le=100)
    """ucb, linear: how many deviations of its estimate an arm gets as a bonus; linear thompson: the posterior's width."""
    features: dict[str, Literal["number"] | tuple[str, ...]] = Field(default_factory=dict)
    """linear: the request's features; a list of names, or name → number or the list of its values."""
    policy: Literal["thompson", "ucb"] = "thompson"
    """linear: shares follow the probability of being best for this context, or the highest bound takes all."""
    ridge: float = Field(default=1.0, gt=0, le=1e6)
    """linear: how strongly weights are drawn to zero, on standardised features."""
    copies: Share = 1.0
    """shadow: the share of requests that are copied to the other arms."""
    tolerance: float = Field(default=1e-5, ge=0)
    """shadow: numbers are equal up to this share of the larger one, or this much where both are below 1."""

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, given: Any) -> Any:
        if isinstance(given, str):
            return {"type": given}
        if isinstance(given, dict) and isinstance(given.get("features"), list):
            names = given["features"]
            if len(set(map(str, names))) != len(names):
                raise ValueError("features: expected each name once")
            return {**given, "features": {str(name): "number" for name in names}}
        return given

    @model_validator(mode="after")
    def _settings_fit(self) -> ModeConfig:
        if self.type not in MODES:
            raise ValueError(f"type: expected {', '.join(sorted(MODES))}; seen: {self.type}")
        keys = MODES[self.type].keys
        foreign = sorted(self.model_fields_set - keys - {"type"})
        if foreign:
            known = ", ".join(sorted(keys)) or "no settings"
            raise ValueError(f"{', '.join(foreign)}: not a setting of {self.type}, which has {known}")
        if self.type == "linear" and not self.features:
            raise ValueError("linear needs features: the names of the request's features that it learns from")
        for name, values in self.features.items():
            if values != "number" and (len(values) < 2 or len(set(values)) != len(values)):
                raise ValueError(
                    f"features: {name}: expected number, or a list of at least two different values"
                )
        return self

    @property
    def learns(self) -> bool:
        """Whether shares move with rewards."""
        return MODES[self.type].learns

    def floors(self, arms: int, control: int) -> list[float]:
        """Returns the least share of each arm, in the order of the arms.

        Args:
            arms: The number of arms that take part.
            control: The index of control.
        """
        least = [self.floor] * arms
        least[control] = max(self.floor, self.control_floor)
        return least

    def contradiction(self, arms: int) -> str:
        """Returns what is wrong with the floors for this many arms, or an empty string."""
        total = sum(self.floors(arms, 0))
        if not self.learns or total <= 1 + _REAL:
            return ""
        return f"the floors of {arms} arms add up to {total:.0%}: expected at most 100%; lower floor or control_floor"

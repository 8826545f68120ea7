"""From the document, the lives of experiments and their allocations to the shares that a layer should have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from serving.experiments.assignment.layer import Draw
from serving.experiments.modes.registry import MODES
from serving.experiments.state.lifecycle import Lifecycle, Phase

if TYPE_CHECKING:
    from serving.experiments.document.models import ExperimentConfig, ExperimentsDocument


class Kind(StrEnum):
    """How an experiment's requests are assigned."""

    TABLE = "table"
    """By slot."""
    STICKY = "sticky"
    """By slot for new units; others keep their first arm."""
    EPOCH = "epoch"
    """Each unit is drawn anew in each epoch."""
    CONTEXT = "context"
    """By the request's features."""
    SHADOW = "shadow"
    """Control answers; others get copies."""


def kind_of(experiment: ExperimentConfig) -> Kind:
    """Returns how an experiment's requests are assigned."""
    mode = experiment.mode
    if MODES[mode.type].contextual:
        return Kind.CONTEXT
    if mode.type == "shadow":
        return Kind.SHADOW
    if not mode.learns or experiment.unit.request:
        return Kind.TABLE
    return Kind.EPOCH if mode.stickiness == "epochs" else Kind.STICKY


def redraws(experiment: ExperimentConfig) -> bool:
    """Returns whether every unit is drawn anew in each epoch."""
    return experiment.mode.learns and experiment.mode.stickiness == "epochs" and not experiment.unit.request


@dataclass(frozen=True)
class Allocation:
    """What a mode that learns has decided.

    Attributes:
        number: The number of the interval or epoch; -1 before the first.
        shares: Arm → share; empty before the first.
        learned: The allocator's whole state, for a contextual mode.
    """

    number: int = -1
    shares: dict[str, float] = field(default_factory=dict)
    learned: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class World:
    """All that assignments follow from.

    Attributes:
        document: The document.
        lives: Experiment → its life; one that is missing is a draft.
        allocations: Experiment → what its mode has decided; one that is missing has decided nothing.
    """

    document: ExperimentsDocument
    lives: Mapping[str, Lifecycle] = field(default_factory=dict)
    allocations: Mapping[str, Allocation] = field(default_factory=dict)

    def life(self, experiment: str) -> Lifecycle:
        """Returns an experiment's life."""
        return self.lives.get(experiment) or Lifecycle()

    def running(self, layer: str) -> dict[str, ExperimentConfig]:
        """Returns the experiments of a layer that run."""
        return {
            name: experiment
            for name, experiment in self.document.experiments.items()
            if experiment.layer == layer and self.life(name).phase is Phase.RUNNING
        }

    def shares_of(self, name: str) -> tuple[float, dict[str, float]]:
        """Returns an experiment's share of its layer, and the shares of its arms."""
        experiment = self.document.experiments[name]
        share, weights = self.life(name).ramp.of(experiment.share, experiment.shares())
        if experiment.mode.type == "shadow":
            return share, {experiment.control: 1.0}
        decided = self.allocations.get(name)
        if experiment.mode.learns and decided is not None and decided.shares:
            weights = {arm: decided.shares.get(arm, 0.0) for arm in experiment.arms}
        return share, weights

    def wanted(self, layer: str) -> tuple[dict[str, dict[str, float]], dict[str, Draw]]:
        """Returns the shares that a layer should have, and the experiments whose units are drawn."""
        shares: dict[str, dict[str, float]] = {}
        draws: dict[str, Draw] = {}
        for name, experiment in self.running(layer).items():
            share, weights = self.shares_of(name)
            if kind_of(experiment) in (Kind.EPOCH, Kind.CONTEXT):
                shares[name] = {"": share}
                draws[name] = Draw((self.allocations.get(name) or Allocation()).number, weights)
            else:
                shares[name] = {arm: share * weight for arm, weight in weights.items()}
        return shares, draws

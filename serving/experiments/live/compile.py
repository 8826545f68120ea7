"""Makes the routes of all public models: what a data plane calls, frozen until something changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from serving.experiments.assignment.memory import Memory
from serving.experiments.assignment.table import FREE
from serving.experiments.assignment.units import SLOTS
from serving.experiments.contract import Choice, Target
from serving.experiments.live.arms import (
    Arms,
    Bystander,
    ContextArms,
    EpochArms,
    Served,
    ShadowArms,
    StickyArms,
    TableArms,
)
from serving.experiments.live.plan import Kind, World, kind_of, redraws
from serving.experiments.live.route import Answers, LiveRoute, Slots
from serving.experiments.modes.allocator import Allocator
from serving.experiments.modes.mode import ContextualMode
from serving.experiments.state.lifecycle import Phase

if TYPE_CHECKING:
    from serving.experiments.assignment.layer import LayerState
    from serving.experiments.document.models import ExperimentConfig, ExperimentsDocument
    from serving.experiments.live.journal import Journal


class Compiler:
    """Makes routes.

    Args:
        answers: Where answers wait.
        memories: Experiment → the units that it knows; filled as needed.
        most_units: The most units of an experiment that are remembered.
        journal: Where new units are written first; None keeps them in memory only.
    """

    def __init__(
        self, answers: Answers, memories: dict[str, Memory], most_units: int, journal: Journal | None = None
    ) -> None:
        self._answers, self._memories, self._most_units = answers, memories, most_units
        self._journal = journal

    def routes(self, world: World, layers: Mapping[str, LayerState]) -> dict[str, LiveRoute]:
        """Returns public model → its route; models without a running or promoted experiment have none.

        Args:
            world: The document, and what was decided about its experiments.
            layers: Layer → the state that is in force.
        """
        routes: dict[str, LiveRoute] = {}
        by_model: dict[str, dict[str, ExperimentConfig]] = {}
        for name, experiment in world.document.experiments.items():
            by_model.setdefault(experiment.model, {})[name] = experiment
        for model, experiments in by_model.items():
            layer = layers.get(next(iter(experiments.values())).layer)
            arms = {
                name: self._arms(world, name, experiment, layer)
                for name, experiment in experiments.items()
                if layer is not None and world.life(name).phase is Phase.RUNNING and name in layer.shares
            }
            otherwise = _ended(world, experiments)
            if arms or otherwise is not None:
                routes[model] = self._route(world, experiments, arms, layer, otherwise)
        return routes

    def _route(
        self,
        world: World,
        experiments: Mapping[str, ExperimentConfig],
        arms: Mapping[str, Arms],
        layer: LayerState | None,
        otherwise: Choice | None,
    ) -> LiveRoute:
        first = next(iter(experiments.values()))
        running = {name: experiments[name] for name in arms}
        leading = next(iter(running.values()), first)
        reads = [*(n for e in running.values() if kind_of(e) is Kind.CONTEXT for n in e.mode.features)]
        if first.unit.feature and running:
            reads.append(first.unit.feature)
        hangs = [e.guardrails.hang for e in running.values() if e.guardrails.hang is not None]
        targets = _targets(world.document, leading)
        return LiveRoute(
            layer.table.key if layer is not None else b"",
            _slots(layer, arms),
            (first.unit.key, first.unit.feature),
            tuple(dict.fromkeys(reads)) if reads else None,
            otherwise.target if otherwise is not None and not running else targets[leading.control],
            min(hangs, default=None),
            otherwise,
            self._answers,
        )

    def _arms(self, world: World, name: str, experiment: ExperimentConfig, layer: LayerState | None) -> Arms:
        assert layer is not None
        targets = _targets(world.document, experiment)
        served = Served(
            name,
            world.document.version,
            experiment.control,
            targets,
            targets[experiment.control] if experiment.fallback == "control" else None,
            frozenset(world.life(name).out) & frozenset(experiment.arms) - {experiment.control},
            layer.table.version,
        )
        kind = kind_of(experiment)
        if kind is Kind.SHADOW:
            return ShadowArms(served, experiment.mode.copies)
        if kind in (Kind.EPOCH, Kind.CONTEXT):
            return self._drawn(world, name, experiment, served, layer)
        shares = _shares_in(layer, name, experiment)
        if kind is Kind.STICKY:
            return StickyArms(served, shares, self.memory(name))
        return TableArms(served, shares)

    def _drawn(
        self, world: World, name: str, experiment: ExperimentConfig, served: Served, layer: LayerState
    ) -> Arms:
        draw = layer.draws.get(name)
        shares = {arm: draw.shares.get(arm, 0.0) if draw else 0.0 for arm in experiment.arms}
        if not any(shares.values()):
            shares = experiment.shares()
        number = draw.number if draw else 0
        if kind_of(experiment) is Kind.EPOCH:
            return EpochArms(served, shares, max(number, 0))
        decided = world.allocations.get(name)
        allocator = allocator_of(experiment, world.shares_of(name)[1])
        allocator.restore(decided.learned if decided else {})
        mode = allocator.mode
        assert isinstance(mode, ContextualMode)
        keeps = not redraws(experiment) and not experiment.unit.request
        epoch = max(number, 0) if redraws(experiment) else 0
        return ContextArms(served, mode, shares, epoch, self.memory(name) if keeps else None)

    def memory(self, experiment: str) -> Memory:
        """Returns the units that an experiment knows."""
        if experiment not in self._memories:
            note = partial(self._journal.add, experiment) if self._journal is not None else None
            self._memories[experiment] = Memory(self._most_units, note)
        return self._memories[experiment]


def allocator_of(experiment: ExperimentConfig, weights: Mapping[str, float]) -> Allocator:
    """Returns an experiment's allocator, with nothing learned yet.

    Args:
        experiment: The experiment. Where units are drawn anew in each epoch, an interval is an epoch.
        weights: Arm → share at the start.
    """
    mode = experiment.mode
    if redraws(experiment):
        mode = mode.model_copy(update={"every": mode.epoch})
    binary = experiment.reward is None or experiment.reward.type == "binary"
    return Allocator(mode, weights, experiment.control, binary=binary)


def _targets(document: ExperimentsDocument, experiment: ExperimentConfig) -> dict[str, Target]:
    return {
        name: Target(
            arm.model or experiment.model,
            arm.version,
            arm.label or "",
            "" if arm.backend in (None, document.default_backend) else arm.backend or "",
        )
        for name, arm in experiment.arms.items()
    }


def _shares_in(layer: LayerState, name: str, experiment: ExperimentConfig) -> dict[str, float]:
    """Returns the share of each arm by its slots: exactly the probability that a new unit falls to it."""
    counts = {arm: layer.table.counts.get((name, arm), 0) for arm in experiment.arms}
    total = sum(counts.values())
    return {arm: count / total for arm, count in counts.items()} if total else {experiment.control: 1.0}


def _slots(layer: LayerState | None, arms: Mapping[str, Arms]) -> Slots:
    if layer is None or not arms:
        return [None] * SLOTS
    entries: dict[tuple[str, str], tuple[Arms, str] | None] = {FREE: None}
    for owner in layer.table.counts:
        of = arms.get(owner[0])
        known = of is not None and (not owner[1] or owner[1] in of.served.targets)
        entries[owner] = (of, owner[1]) if of is not None and known else None
    return [entries[owner] for owner in layer.table.slots]


def _ended(world: World, experiments: Mapping[str, ExperimentConfig]) -> Choice | None:
    """Returns what answers a model's requests after a promotion or a rollback: the latest of them counts."""
    ended = [
        (life.since, name, life.arm, life.label)
        for name, experiment in experiments.items()
        for life in (world.life(name),)
        if life.phase in (Phase.PROMOTED, Phase.ROLLED_BACK) and life.arm in experiment.arms
    ]
    if not ended:
        return None
    _, name, arm, label = max(ended)
    target = _targets(world.document, experiments[name])[arm]
    if label:  # a candidate that takes the arm's label or number later must not get everything
        target = replace(target, version=None, label=label)
    return Bystander(name, arm, target, 1.0, b"", world.document.version, 0)

"""What to think about before an experiment is started: no errors, but easily overlooked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from foundation.numbers import bound
from foundation.quantities import duration_words
from serving.experiments.assignment.units import SLOTS
from serving.experiments.live.plan import Kind, kind_of, redraws

if TYPE_CHECKING:
    from serving.experiments.document.models import ExperimentConfig, ExperimentsDocument

_LONG_DAYS: Final = 90.0
_FEW_SLOTS: Final = 100


def warnings(
    document: ExperimentsDocument, experiment: ExperimentConfig, shares: tuple[float, Mapping[str, float]]
) -> Iterator[str]:
    """Yields what to think about.

    Args:
        document: The document.
        experiment: An experiment of it.
        shares: Its share of the layer, and those of its arms.
    """
    yield from _unit(experiment)
    yield from _mode(experiment)
    targets = [(arm.model, arm.version, arm.label, arm.backend) for arm in experiment.arms.values()]
    if len(set(targets)) < len(targets):
        yield "two arms have the same target: an A/A test"
    slots = round(shares[0] * SLOTS)
    if 0 < slots < _FEW_SLOTS:
        yield f"its {slots} slots are few: an arm's share moves in steps of {bound(round(1 / slots, 4))}"
    yield from _size(document, experiment, shares)


def _unit(experiment: ExperimentConfig) -> Iterator[str]:
    if experiment.unit.request:
        yield "each request is assigned by itself: a person may get another arm from one request to the next"
    else:
        yield "a request without its unit is assigned by itself, and counted as such in the status"


def _mode(experiment: ExperimentConfig) -> Iterator[str]:
    mode, kind = experiment.mode, kind_of(experiment)
    if redraws(experiment):
        yield f"every unit is drawn anew each {duration_words(mode.epoch)}, when shares move: it may change its arm then"
    elif kind in (Kind.STICKY, Kind.CONTEXT) and not experiment.unit.request:
        yield "a unit keeps its first arm: moving shares concern new units only"
    if kind is Kind.SHADOW:
        if any(arm.weight is not None for arm in experiment.arms.values()):
            yield "weights have no effect: control answers everything, the others get copies"
        if experiment.fallback == "control":
            yield "fallback has no effect: only control answers"
    reward = experiment.reward
    if mode.learns and reward is not None and reward.window > 10 * mode.every and not redraws(experiment):
        window, every = duration_words(reward.window), duration_words(mode.every)
        yield f"what happens in an interval of {every} is known {window} later: shares move long before they can have helped"


def _size(
    document: ExperimentsDocument, experiment: ExperimentConfig, shares: tuple[float, Mapping[str, float]]
) -> Iterator[str]:
    planned, reward = experiment.planned, experiment.reward
    if kind_of(experiment) is Kind.SHADOW:
        return
    if reward is None:
        yield "no reward is declared: nothing is compared"
        return
    units = f"the planned {planned.units:,} units"
    if planned.units > reward.most_units:
        yield f"{units} cannot be reached: reward: most_units is {reward.most_units:,}"
    elif kind_of(experiment) is Kind.STICKY and planned.units > document.limits.units:
        yield f"{units} cannot be reached: limits: units is {document.limits.units:,}"
    if planned.per_day is not None:
        days = planned.units / (planned.per_day * shares[0]) + reward.window / 86400
        if days > _LONG_DAYS:
            yield f"{units} take about {days:,.0f} days at {planned.per_day:,.0f} new units a day"
    for arm, share in shares[1].items():
        if planned.units * share < 2 * planned.minimum and not experiment.mode.learns:
            yield (
                f"{arm} gets about {planned.units * share:,.0f} of {units}: its interval needs at least "
                f"{planned.minimum} successes and {planned.minimum} failures"
            )

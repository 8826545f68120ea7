"""Checks across keys: contradictions within a document."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from fractions import Fraction
from typing import Final

from foundation.document.problems import Problem
from foundation.errors import near_miss
from foundation.numbers import bound
from serving.experiments.document.models import ExperimentConfig, ExperimentsDocument

_FINEST: Final = Fraction(1, 10_000)


def contradictions(document: ExperimentsDocument) -> Iterator[Problem]:
    """Yields every contradiction."""
    for name, experiment in document.experiments.items():
        yield from _names(document, name, experiment)
        yield from _weights(name, experiment)
        yield from _mode(name, experiment)
        yield from _planned(name, experiment)
    if "://" in document.state.sqlite:
        remedy = "put a database's URL into an environment variable and name that: {postgresql: NAME}"
        yield Problem(("state", "sqlite"), "", "the path of a file", "an address", remedy)
    yield from _layers(document)
    yield from _same_model(document)


def _names(document: ExperimentsDocument, name: str, experiment: ExperimentConfig) -> Iterator[Problem]:
    at = ("experiments", name)
    if experiment.control not in experiment.arms:
        yield _unknown((*at, "control"), experiment.control, list(experiment.arms), "arm")
    if experiment.layer not in document.layer_names():
        yield _unknown((*at, "layer"), experiment.layer, document.layer_names(), "layer")
    for arm_name, arm in experiment.arms.items():
        if arm.backend is None or arm.backend in document.backends:
            continue
        where = (*at, "arms", arm_name, "backend")
        if document.backends:
            yield _unknown(where, arm.backend, list(document.backends), "backend")
        else:
            remedy = f"add backends: {{{arm.backend}: {{grpc: HOST:PORT, rest: HOST:PORT}}}}"
            yield Problem(where, "the document has no backends", remedy=remedy)


def _unknown(path: tuple[str, ...], seen: str, known: list[str], what: str) -> Problem:
    remedy = near_miss(seen, known)
    return Problem(path, f"there is no such {what}", f"one of {', '.join(known)}", repr(seen), remedy)


def _weights(name: str, experiment: ExperimentConfig) -> Iterator[Problem]:
    at = ("experiments", name)
    if not experiment.share:
        remedy = "give it a share, or stop it: penstock experiment stop"
        yield Problem((*at, "share"), "an experiment without units", "more than 0%", "0%", remedy)
        return
    if Fraction(experiment.share).limit_denominator(10**9) < _FINEST:
        remedy = f"raise it to {bound(float(_FINEST))} or more"
        yield Problem(
            (*at, "share"), "", "at least one of a layer's 10,000 slots", bound(experiment.share), remedy
        )
    try:
        shares = experiment.shares()
    except ValueError as error:
        yield Problem((*at, "arms"), str(error), on_key=True)
        return
    slots = round(experiment.share * 10_000)
    for arm, share in shares.items():
        if 0 < share * slots < 1:
            seen = f"{bound(share)} of {slots} slots"
            remedy = f"raise the weight to {bound(1 / slots)} or more, or the experiment's share"
            yield Problem((*at, "arms", arm, "weight"), "", "at least one slot", seen, remedy)


def _mode(name: str, experiment: ExperimentConfig) -> Iterator[Problem]:
    at = ("experiments", name)
    if wrong := experiment.mode.contradiction(len(experiment.arms)):
        yield Problem((*at, "mode"), wrong)
    if experiment.mode.learns and experiment.reward is None:
        what = f"{experiment.mode.type} moves traffic to what earns more, and no reward is declared"
        yield Problem((*at, "mode"), what, remedy="add reward: {metric: …, window: …}, or take mode: split")
    if experiment.reward is None and experiment.guardrails.reward is not None:
        what = "there is no reward to compare"
        yield Problem((*at, "guardrails", "reward"), what, remedy="add reward: {metric: …, window: …}")


def _planned(name: str, experiment: ExperimentConfig) -> Iterator[Problem]:
    at, planned, reward = ("experiments", name, "planned"), experiment.planned, experiment.reward
    for arm in planned.rates:
        if arm not in experiment.arms:
            yield _unknown((*at, "rates", arm), arm, list(experiment.arms), "arm")
        elif reward is not None and reward.type == "binary" and not 0 <= planned.rates[arm] <= 1:
            seen = f"{planned.rates[arm]:g}"
            yield Problem((*at, "rates", arm), "", "a share from 0 to 1, as rewards are 0 or 1", seen)
    if experiment.mode.learns and planned.better == "lower":
        what = f"{experiment.mode.type} moves traffic to higher rewards, and lower ones are declared better"
        yield Problem(
            (*at, "better"), what, remedy="report the reward the other way round, or take mode: split"
        )
    if reward is not None and reward.type == "number" and planned.interval == "exact":
        what = "the exact interval is for rewards of 0 and 1, and this reward is a number"
        yield Problem((*at, "interval"), what, remedy="take interval: asymptotic")
    if reward is not None and reward.type == "binary" and planned.cap is not None:
        yield Problem((*at, "cap"), "rewards of 0 and 1 need no cap", remedy="leave it out")


def _layers(document: ExperimentsDocument) -> Iterator[Problem]:
    members: dict[str, list[str]] = defaultdict(list)
    for name, experiment in document.experiments.items():
        members[experiment.layer].append(name)
    for layer, names in members.items():
        experiments = document.experiments
        total = sum(Fraction(experiments[name].share).limit_denominator(10**9) for name in names)
        if total > 1 + Fraction(1, 10**6):
            listed = " + ".join(f"{name} {bound(experiments[name].share)}" for name in names)
            what = f"the shares in layer {layer} sum to {bound(float(total))}"
            remedy = "lower them, or put experiments on different models into layers of their own"
            yield Problem(("experiments", names[-1], "share"), what, "at most 100%", listed, remedy)
        for name in names[1:]:
            if _unit(experiments[name]) != _unit(experiments[names[0]]):
                what = f"experiments of one layer assign the same units; {names[0]} has {_said(experiments[names[0]])}"
                remedy = "give both the same unit, or put them into different layers"
                yield Problem(
                    ("experiments", name, "unit"), what, seen=_said(experiments[name]), remedy=remedy
                )


def _unit(experiment: ExperimentConfig) -> tuple[str | None, str | None]:
    return experiment.unit.key, experiment.unit.feature


def _said(experiment: ExperimentConfig) -> str:
    unit = experiment.unit
    return unit.key or (f"feature {unit.feature}" if unit.feature else "request")


def _same_model(document: ExperimentsDocument) -> Iterator[Problem]:
    """Finds experiments in different layers that touch the same model: each would see the other's effect."""
    touched: dict[tuple[str, str], str] = {}
    for name, experiment in document.experiments.items():
        for model in _models(document, experiment):
            other = touched.setdefault(model, name)
            layers = document.experiments[other].layer, experiment.layer
            if layers[0] != layers[1] and layers[1] in document.layer_names():
                what = f"{other} in layer {layers[0]} touches model {model[1]} too"
                remedy = (
                    "put experiments that touch the same model into one layer, where they share its units"
                )
                yield Problem(("experiments", name, "layer"), what, seen=f"layer {layers[1]}", remedy=remedy)
                break


def _models(document: ExperimentsDocument, experiment: ExperimentConfig) -> set[tuple[str, str]]:
    backend = document.default_backend
    arms = {(arm.backend or backend, arm.model or experiment.model) for arm in experiment.arms.values()}
    return {(backend, experiment.model), *arms}

"""Contradictions in the ``production`` section: unknown nodes, parameters that are no keys, schedules without a start."""

from __future__ import annotations

from collections.abc import Iterator

from foundation.document.known_keys import keys_of, models_at
from foundation.document.layers import override_keys
from foundation.document.problems import Path, Problem, SpecErrors
from foundation.errors import near_miss
from pipeline.document.models import PipelineSpec
from pipeline.document.parameters import FIXED


def nodes(spec: PipelineSpec) -> Iterator[Problem]:
    """Finds settings for nodes that no pipeline has."""
    if not spec.production.nodes:
        return
    from pipeline.nodes import (
        NODES,
    )  # every declaration, which a document without such settings does not need

    known = [node.id for node in NODES]
    for name in spec.production.nodes:
        if name not in known:
            remedy = near_miss(name, known) or f"nodes are {', '.join(known)}"
            yield Problem(("production", "nodes", name), f"no node {name!r}", remedy=remedy, on_key=True)


def schedule(spec: PipelineSpec) -> Iterator[Problem]:
    """Finds a schedule without its first interval, and spans of an export that has none."""
    production = spec.production
    if production.schedule and not production.start:
        remedy = "add production.start, such as 2026-01-01: intervals, and so spans, are counted from there"
        yield Problem(("production", "schedule"), "a schedule without a start", remedy=remedy)
    if production.catch_up and not production.schedule:
        what, remedy = "there is nothing to catch up with without a schedule", "add production.schedule"
        yield Problem(("production", "catch_up"), what, remedy=remedy, on_key=True)
    if "span" in production.model_fields_set and production.span not in ("days", "date") and spec.has_days():
        what, remedy = "a pattern with {YYYY}, {MM} and {DD} has one span a day", "say days or date"
        yield Problem(("production", "span"), what, seen=str(production.span), remedy=remedy)
    if "span" in production.model_fields_set and not spec.has_spans():
        what = "the export has no spans to choose from"
        remedy = "put {SPAN} or {YYYY}, {MM} and {DD} into data.mongo_export, or remove span"
        yield Problem(("production", "span"), what, remedy=remedy, on_key=True)


def parameters(spec: PipelineSpec) -> Iterator[Problem]:
    """Finds parameters that are no keys of the document, or that a run cannot change."""
    for index, name in enumerate(spec.production.parameters):
        path: Path = ("production", "parameters", index)
        try:
            keys = override_keys(name)
        except SpecErrors:
            yield Problem(path, "", expected="keys joined by dots, such as train.steps", seen=repr(name))
            continue
        fixed = next((each for each in FIXED if keys[: len(each)] == each), None)
        if fixed is not None:
            yield Problem(path, f"{name!r} cannot be changed for a run", remedy=FIXED[fixed])
        else:
            yield from _unknown(path, name, keys)


def _unknown(path: Path, name: str, keys: tuple[str, ...]) -> Iterator[Problem]:
    for end, key in enumerate(keys):
        models = models_at(PipelineSpec, keys[:end])
        known = keys_of(models)
        if models and key not in known and not _any_key(keys[:end]):
            remedy = near_miss(key, known) or f"known here: {', '.join(known)}"
            yield Problem(path, f"no key {name!r} in the document", remedy=remedy)
            return


def _any_key(keys: tuple[str, ...]) -> bool:
    """Returns whether the keys below a place are a person's own, such as features and gates."""
    return keys in (("features",), ("evaluate", "gates"))

"""Contradictions between ``data.privacy`` or special splits and the rest of the document."""

from __future__ import annotations

from collections.abc import Iterator

from components.exports.fields import feature_name
from foundation.document.problems import Path, Problem
from foundation.privacy import misfit
from pipeline.document.checks.data import ID
from pipeline.document.checks.features import unknown_feature
from pipeline.document.models import PipelineSpec

_RULES: Path = ("data", "privacy", "rules")


def rules(spec: PipelineSpec) -> Iterator[Problem]:
    """Finds rules for features that are unknown, must stay unchanged, or have the wrong type."""
    types = {feature_name(path, field): field.type for path, field in spec.data.fields.items()}
    for name, rule in spec.data.privacy.rules.items():
        where = (*_RULES, name)
        remedy = unknown_feature(name, spec)
        kind = types.get(name)
        if remedy:
            yield Problem(where, f"no field provides {name!r}", remedy=remedy, on_key=True)
        elif name == spec.data.label:
            what = "the label must stay what the model predicts"
            yield Problem(where, what, seen=rule.name, remedy="remove the rule", on_key=True)
        elif name == ID and not rule.hash:
            what = "_id tells rows apart"
            yield Problem(where, what, expected="hash, or no rule", seen=rule.name, on_key=True)
        elif name == spec.data.recorded_at and rule.generalise is None:
            what = "recorded_at must stay a date"
            yield Problem(where, what, expected="generalise, or no rule", seen=rule.name, on_key=True)
        elif kind and misfit(rule, kind):
            what = f"{rule.name} is for {misfit(rule, kind)}"
            yield Problem(where, what, seen=f"{name} declared as {kind}", remedy="choose another rule")


def dropped(spec: PipelineSpec) -> Iterator[Problem]:
    """Finds features that are dropped on reading but needed later."""
    gone = spec.data.privacy.dropped
    wanted: list[tuple[Path, str, bool]] = [(("features", n), n, True) for n in spec.features.declared]
    for name, transformations in spec.features.declared.items():
        crossed = [n for t in transformations for n in t.others]
        wanted += [(("features", name), n, False) for n in crossed]
    for index, columns in enumerate(spec.evaluate.slices):
        names = [columns] if isinstance(columns, str) else columns
        wanted += [(("evaluate", "slices", index), n, False) for n in names]
    for path, name, on_key in wanted:
        if name in gone:
            remedy = f"remove it here, or give data.privacy.rules.{name} another rule"
            yield Problem(path, f"{name!r} is dropped by data.privacy", remedy=remedy, on_key=on_key)


def quasi_identifiers(spec: PipelineSpec) -> Iterator[Problem]:
    """Finds quasi-identifiers that are unknown, dropped, or the document's id."""
    for index, name in enumerate(spec.data.privacy.quasi_identifiers):
        where = ("data", "privacy", "quasi_identifiers", index)
        remedy = unknown_feature(name, spec)
        if remedy:
            yield Problem(where, f"no field provides {name!r}", remedy=remedy)
        elif name in spec.data.privacy.dropped:
            yield Problem(
                where, f"{name!r} is dropped, so it cannot identify anybody", remedy="remove it here"
            )
        elif name == ID:
            what = "_id is unique and makes every document a group of one"
            yield Problem(where, what, remedy="name what others know about a person, such as age and city")


def splits(spec: PipelineSpec) -> Iterator[Problem]:
    """Finds splits that exclude each other, and windows without spans."""
    split, window = spec.data.split, spec.data.window
    if split.by_time and split.stratify:
        what = "documents are split by a date, or within strata"
        yield Problem(("data", "split", "stratify"), what, remedy="keep by_time or stratify")
    if split.stratify and window > 1:
        what = "strata are found per export; a key in two spans could end up in two splits"
        yield Problem(
            ("data", "split", "stratify"), what, seen=f"data.window {window}", remedy="keep one of them"
        )
    if window > 1 and not any(p in spec.data.mongo_export for p in ("{SPAN}", "{YYYY}")):
        what = "a window of spans is requested, but data.mongo_export has none"
        yield Problem(
            ("data", "window"), what, seen=repr(spec.data.mongo_export), remedy="put {SPAN} into the pattern"
        )

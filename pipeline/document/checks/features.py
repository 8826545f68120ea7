"""Contradictions between the ``features`` section and the label, the fields and their declared types."""

from __future__ import annotations

import re
from collections.abc import Iterator

from components.exports.fields import FieldConfig, feature_name
from components.transform.config import output_name
from components.transform.transformations import TRANSFORMATIONS
from components.transform.transformations.base import TEXT
from foundation.document.problems import Path, Problem
from foundation.errors import near_miss
from pipeline.document.checks.data import ID, given_features
from pipeline.document.models import PipelineSpec

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LONGEST = 100
"""Characters of a feature's name; with the transformation's it names a file, which has at most 255."""


def known_features(spec: PipelineSpec) -> list[str]:
    """Returns the features from ``data.fields`` and ``features``, the label, and the id."""
    return list(dict.fromkeys([*given_features(spec), *spec.features.declared, spec.data.label, ID]))


def unknown_feature(name: str, spec: PipelineSpec) -> str:
    """Returns the remedy for a reference to an unknown feature, or an empty string for a known one."""
    known = known_features(spec)
    if name in known:
        return ""
    return near_miss(name, known) or f"add it to data.fields ({name}: {name}) or to features"


def label_is_no_feature(spec: PipelineSpec) -> Iterator[Problem]:
    """Finds a label that the model would see."""
    label = spec.data.label
    what = f"the label {label!r} is also a feature; the model would see the answer"
    if label in spec.features.declared:
        yield Problem(("features", label), what, remedy="remove it from features", on_key=True)
    for path, _, others in _crosses(spec):
        if label in others:
            yield Problem((*path, "with"), what, remedy="remove it from the cross")
    if label == ID:
        yield Problem(
            ("data", "label"),
            "_id is different in every document and cannot be learnt",
            remedy="name another field",
        )


def misspelt(spec: PipelineSpec) -> Iterator[Problem]:
    """Finds a label or feature without a field, where an unused field has nearly the same name."""
    given = given_features(spec)
    named = spec.named_features()
    idle = [name for name in given if name not in named]
    wanted: list[tuple[Path, str]] = [(("data", "label"), spec.data.label)]
    wanted += [(("features", name), name) for name in spec.features.declared]
    wanted += [(("data", "recorded_at"), spec.data.recorded_at)] if spec.data.recorded_at else []
    for path, name in wanted:
        remedy = near_miss(name, idle)
        if name not in given and remedy:
            what = f"no field provides {name!r}"
            yield Problem(path, what, remedy=remedy, on_key=path[0] == "features")
    if spec.features.preprocessing_fn and not given:
        remedy = "list the fields that the function reads under data.fields"
        yield Problem(
            ("features",),
            "with a preprocessing_fn the document does not say which fields to read",
            remedy=remedy,
        )


def known_fields(spec: PipelineSpec) -> Iterator[Problem]:
    """Finds a cross of a feature with an unknown one, or with itself."""
    for path, feature, others in _crosses(spec):
        for index, other in enumerate(others):
            remedy = unknown_feature(other, spec)
            if remedy:
                yield Problem((*path, "with", index), f"no field provides {other!r}", remedy=remedy)
            elif other == feature:
                yield Problem(
                    (*path, "with", index), f"{other!r} is crossed with itself", remedy="name another feature"
                )


def _crosses(spec: PipelineSpec) -> Iterator[tuple[Path, str, list[str]]]:
    for name, transformations in spec.features.declared.items():
        for index, transformation in enumerate(transformations):
            if transformation.others:
                yield ("features", name, index, transformation.kind), name, transformation.others


def names(spec: PipelineSpec) -> Iterator[Problem]:
    """Finds feature names that cannot name a model's input, or the files of its vocabularies."""
    for path, feature in _written_names(spec):
        if len(feature) > _LONGEST:
            what = f"the feature name {feature[:20] + '…'!r} is too long"
            expected, seen = f"at most {_LONGEST} characters", f"{len(feature)}"
            remedy = "name a shorter feature with to: under data.fields"
            yield Problem(path, what, expected, seen, remedy, on_key=path[0] == "features")
        elif not _NAME.fullmatch(feature):
            plain = re.sub(r"\W+", "_", feature, flags=re.ASCII).strip("_") or "field"
            plain = plain if _NAME.fullmatch(plain) else f"f_{plain}"
            source = path[-1] if path[:2] == ("data", "fields") else feature
            if path[:2] != ("data", "fields") and "." in feature:
                remedy = (
                    f"put the dotted path under data.fields: {feature!r}: {plain}; elsewhere write {plain}"
                )
            else:
                remedy = f"rename it under data.fields: {source!r}: {plain}"
            what = f"{feature!r} is not a valid feature name"
            expected = "ASCII letters, digits and underscores"
            yield Problem(path, what, expected=expected, remedy=remedy, on_key=path[0] == "features")


def _written_names(spec: PipelineSpec) -> Iterator[tuple[Path, str]]:
    yield ("data", "label"), spec.data.label
    for name in spec.features.declared:
        yield ("features", name), name
    for path, field in spec.data.fields.items():
        yield ("data", "fields", path), feature_name(path, field)


def types(spec: PipelineSpec) -> Iterator[Problem]:
    """Finds a transformation that does not fit the field's declared type."""
    given = given_features(spec)
    for name, transformations in spec.features.declared.items():
        field = given.get(name)
        for index, transformation in enumerate(transformations):
            wrong = _misfit(transformation.kind, field) if field else None
            if wrong:
                what = f"{transformation.kind} on {name!r}, {wrong[0]}"
                yield Problem(("features", name, index, transformation.kind), what, remedy=wrong[1])


def _misfit(kind: str, field: FieldConfig) -> tuple[str, str] | None:
    """Returns the field's declaration and the remedy, or None if the transformation fits."""
    transformation = TRANSFORMATIONS[kind]
    if not transformation.types.take(field.type):
        return f"declared as {field.type}", transformation.types.remedy
    if transformation.of_array and field.list is False:
        return "declared with list: false", "declare list: true, or use vocabulary"
    return None


def outputs(spec: PipelineSpec) -> Iterator[Problem]:
    """Finds two transformations whose outputs have the same name, or one whose output has the label's."""
    taken: dict[str, str] = {spec.data.label: "the label"}
    for name, transformations in spec.features.declared.items():
        for index, transformation in enumerate(transformations):
            kind = transformation.kind
            for part in TRANSFORMATIONS[kind].parts(kind, transformation.settings):
                output = output_name(name, part)
                if output in taken:
                    what = f"its output {output!r} clashes with {taken[output]}"
                    remedy = "keep one, or read the field under two names"
                    yield Problem(("features", name, index), what, remedy=remedy)
                taken.setdefault(output, f"{kind} on {name!r}")


def distances(spec: PipelineSpec) -> Iterator[Problem]:
    """Finds a comparison of an unknown feature, or by a distance that its type does not have."""
    given = given_features(spec)
    for section, checks in (("drift", spec.validation.drift), ("train_test", spec.validation.train_test)):
        for name, distance in checks.items():
            path: Path = ("validate", section, name)
            remedy = unknown_feature(name, spec)
            kind = given[name].type if name in given else None
            if remedy:
                yield Problem(path, f"no field provides {name!r}", remedy=remedy, on_key=True)
            elif distance.jensen_shannon is not None and kind in TEXT:
                what = f"jensen_shannon measures numbers, {name!r} is declared as {kind}"
                yield Problem(
                    (*path, "jensen_shannon"), what, remedy="use calibrated or l_infinity", on_key=True
                )
            elif distance.l_infinity is not None and kind == "float":
                what = f"l_infinity measures categories, {name!r} is declared as float"
                yield Problem(
                    (*path, "l_infinity"), what, remedy="use calibrated or jensen_shannon", on_key=True
                )

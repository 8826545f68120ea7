"""Contradictions in the ``data`` section: fields, span patterns, the label's type."""

from __future__ import annotations

import re
from collections.abc import Iterator

from components.exports.fields import FieldConfig, feature_name
from foundation.document.problems import Problem
from foundation.errors import near_miss
from foundation.privacy import type_after
from pipeline.document.models import PipelineSpec

ID = "_id"
"""The feature that every document has; no other field may take its name."""

PLACEHOLDERS = ("SPAN", "VERSION", "YYYY", "MM", "DD")
"""The placeholders allowed in an export pattern, without braces."""

_DATE = frozenset({"YYYY", "MM", "DD"})


def given_features(spec: PipelineSpec) -> dict[str, FieldConfig]:
    """Returns feature → field for ``data.fields``, with the types that remain after privacy rules."""
    rules = spec.data.privacy.rules
    named = {feature_name(path, field): field for path, field in spec.data.fields.items()}
    return {
        name: field.model_copy(update={"type": type_after(rules[name], field.type)})
        if name in rules
        else field
        for name, field in named.items()
    }


def fields(spec: PipelineSpec) -> Iterator[Problem]:
    """Finds paths with empty parts, and two fields with the same feature name."""
    first: dict[str, str] = {}
    for path, field in spec.data.fields.items():
        where = ("data", "fields", path)
        name = feature_name(path, field)
        if not all(path.split(".")):
            yield Problem(
                where, "a dotted path with an empty part", remedy="such as profile.country", on_key=True
            )
        elif name == ID and path != ID:
            yield Problem(
                where,
                "the feature _id is reserved for the document's id",
                remedy="name another feature",
                on_key=True,
            )
        elif name in first:
            what = f"becomes the feature {name!r}, as does {first[name]!r}"
            yield Problem(where, what, remedy="name another feature with to:", on_key=True)
        first.setdefault(name, path)


def pattern(spec: PipelineSpec) -> Iterator[Problem]:
    """Finds unknown, missing or mixed placeholders in the export's pattern, and a live database in its place."""
    export, where = spec.data.mongo_export, ("data", "mongo_export")
    if export.startswith(("mongodb://", "mongodb+srv://")):
        remedy = "export with mongoexport or mongodump and name the files"
        yield Problem(where, "a live database is never queried", expected="files of an export", remedy=remedy)
        return
    found = re.findall(r"\{([^{}]*)\}", export)
    for name in found:
        if name not in PLACEHOLDERS:
            remedy = near_miss(name.upper(), list(PLACEHOLDERS)) or "known: " + ", ".join(
                f"{{{p}}}" for p in PLACEHOLDERS
            )
            yield Problem(where, f"unknown placeholder {{{name}}}", remedy=remedy)
    known = set(found) & set(PLACEHOLDERS)
    yield from _combination(known, spec)


def _combination(known: set[str], spec: PipelineSpec) -> Iterator[Problem]:
    where = ("data", "mongo_export")
    dated = known & _DATE
    if dated and dated != _DATE:
        yield Problem(
            where,
            "a date also needs " + ", ".join(f"{{{p}}}" for p in sorted(_DATE - dated)),
            expected="{YYYY}, {MM} and {DD}",
        )
    if dated and "SPAN" in known:
        yield Problem(where, "both {SPAN} and a date give the span", remedy="keep one of them")
    if "VERSION" in known and not dated and "SPAN" not in known:
        yield Problem(
            where, "{VERSION} without {SPAN} or a date", remedy="add {SPAN}: a version belongs to a span"
        )
    if spec.data.span != "latest" and not dated and "SPAN" not in known:
        what = "a span is requested, but data.mongo_export has none"
        yield Problem(
            ("data", "span"), what, seen=repr(spec.data.mongo_export), remedy="put {SPAN} into the pattern"
        )


def label_type(spec: PipelineSpec) -> Iterator[Problem]:
    """Finds a label whose declared type does not suit the task."""
    field = given_features(spec).get(spec.data.label)
    where, task = ("data", "label"), spec.model.task
    if field is None:
        return
    if field.list:
        yield Problem(where, "the label is declared as an array", expected="one value per document")
    if task == "regression" and field.type in ("string", "bytes"):
        remedy = "declare a number, or choose model.task binary or multiclass"
        yield Problem(where, "regression needs a number", seen=f"type {field.type}", remedy=remedy)
    if task == "multiclass" and field.type == "float":
        yield Problem(
            where,
            "classes are text or whole numbers",
            seen="type float",
            remedy="declare type: string, or set model.task to regression",
        )
    if task == "binary" and field.type in ("int", "bool") and isinstance(spec.model.positive, str):
        what = "the label is a number, but the positive value is text"
        yield Problem(
            ("model", "positive"),
            what,
            seen=repr(spec.model.positive),
            remedy="write a number, true or false",
        )

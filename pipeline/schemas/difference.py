"""What changed between two schemas, in plain lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from foundation.numbers import bound

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import schema_pb2

MOST_SHOWN = 5


def diff(old: schema_pb2.Schema, new: schema_pb2.Schema) -> list[str]:
    """Returns one line per difference, by feature; an empty list if there is none.

    Args:
        old: The current schema.
        new: The proposed schema.
    """
    before, after = ({feature.name: feature for feature in schema.feature} for schema in (old, new))
    lines = []
    for name in sorted({*before, *after}):
        if name not in after:
            lines.append(f"- {name}: removed")
        elif name not in before:
            lines.append(f"+ {name}: new, {_describe(after[name])}")
        else:
            lines += [f"~ {name}: {change}" for change in _changes(old, before[name], new, after[name])]
    if list(old.default_environment) != list(new.default_environment):
        lines.append(f"~ environments: {_list(old.default_environment)} → {_list(new.default_environment)}")
    return lines


def _describe(feature: schema_pb2.Feature) -> str:
    several = "array of " if feature.value_count.max != 1 and not feature.HasField("shape") else ""
    return f"{several}{_type(feature)}, in at least {bound(feature.presence.min_fraction)} of the documents"


def _type(feature: schema_pb2.Feature) -> str:
    from tensorflow_metadata.proto.v0 import schema_pb2

    return {"BYTES": "text", "INT": "int", "FLOAT": "float"}.get(
        schema_pb2.FeatureType.Name(feature.type), "unknown type"
    )


def _changes(
    old: schema_pb2.Schema, a: schema_pb2.Feature, new: schema_pb2.Schema, b: schema_pb2.Feature
) -> Iterator[str]:
    if a.type != b.type:
        yield f"type {_type(a)} → {_type(b)}"
    if a.presence.min_fraction != b.presence.min_fraction:
        yield f"in at least {bound(a.presence.min_fraction)} → {bound(b.presence.min_fraction)} of the documents"
    if _count(a) != _count(b):
        yield f"values per document {_count(a)} → {_count(b)}"
    yield from _domain_changes(_domain(old, a), _domain(new, b))
    if a.distribution_constraints != b.distribution_constraints:
        pair = (bound(s.distribution_constraints.min_domain_mass) for s in (a, b))
        yield f"share of values that must be on the list {' → '.join(pair)}"
    if sorted(a.not_in_environment) != sorted(b.not_in_environment):
        yield f"left out of {_list(a.not_in_environment)} → {_list(b.not_in_environment)}"
    told = {
        "type",
        "presence",
        "value_count",
        "shape",
        "domain",
        "string_domain",
        "distribution_constraints",
        "not_in_environment",
    }
    fields = {f.name for f, _ in (*a.ListFields(), *b.ListFields())} - told
    for name in sorted(fields):
        if getattr(a, name) != getattr(b, name):
            yield f"{name} {_short(a, name)} → {_short(b, name)}"


def _short(feature: schema_pb2.Feature, name: str) -> str:
    text = " ".join(str(getattr(feature, name)).split())
    return text or "not set"


def _count(feature: schema_pb2.Feature) -> str:
    if feature.HasField("shape"):
        return "fixed " + " × ".join(str(d.size) for d in feature.shape.dim)
    count = feature.value_count
    return f"{count.min} to {count.max or 'any number'}"


def _domain(schema: schema_pb2.Schema, feature: schema_pb2.Feature) -> set[str] | None:
    kind = feature.WhichOneof("domain_info")
    if kind == "domain":
        return next((set(d.value) for d in schema.string_domain if d.name == feature.domain), set())
    return set(feature.string_domain.value) if kind == "string_domain" else None


def _domain_changes(before: set[str] | None, after: set[str] | None) -> Iterator[str]:
    if before is None and after is not None:
        yield f"list of {len(after)} allowed values added"
    elif before is not None and after is None:
        yield f"list of {len(before)} allowed values removed"
    elif before is not None and after is not None:
        if after - before:
            yield f"also allowed: {_list(sorted(after - before))}"
        if before - after:
            yield f"no longer allowed: {_list(sorted(before - after))}"


def _list(values: object) -> str:
    items = [str(v) for v in values]  # type: ignore[attr-defined]
    more = f" and {len(items) - MOST_SHOWN} more" if len(items) > MOST_SHOWN else ""
    return ", ".join(items[:MOST_SHOWN]) + more if items else "none"

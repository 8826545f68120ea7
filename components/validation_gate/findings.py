"""TFDV's anomalies as sentences: feature, what was expected and seen, number of rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2

from components.validation_gate.result import Finding
from foundation.coarse import FEWEST
from foundation.numbers import bound
from foundation.personal.looks import look_of

Kind = anomalies_pb2.AnomalyInfo.Type
Statistics: TypeAlias = statistics_pb2.DatasetFeatureStatisticsList

MOST_SHOWN = 5
LONGEST_VALUE = 24
NOT_READ = "no document has one: the pipeline's document no longer reads it, or the export has lost it"
"""What is seen of a feature of the schema without any value; an ingestion refuses paths that no document has."""


def anomalies(
    found: Mapping[str, anomalies_pb2.Anomalies],
    statistics: Mapping[str, Statistics],
    schema: schema_pb2.Schema,
    stops: bool,
) -> list[Finding]:
    """Returns one finding per feature and kind of anomaly, across all splits.

    Args:
        found: Split → ExampleValidator's anomalies.
        statistics: Split → its statistics.
        schema: The schema used in validation.
        stops: Whether an anomaly stops the run.
    """
    grouped: dict[tuple[str, int], list[tuple[str, Any]]] = {}
    for split, of_split in found.items():
        for path, info in of_split.anomaly_info.items():
            name = ".".join(info.path.step) or path
            for reason in info.reason:
                grouped.setdefault((name, reason.type), []).append((split, reason))
        for reason in of_split.dataset_anomaly_info.reason:
            grouped.setdefault(("", reason.type), []).append((split, reason))
        if of_split.data_missing:
            grouped.setdefault(("", 0), []).append((split, None))
    specs = {feature.name: feature for feature in schema.feature}
    return [
        _finding(name, kind, where, statistics, schema, specs.get(name), stops)
        for (name, kind), where in grouped.items()
    ]


def _finding(
    name: str,
    kind: int,
    where: list[tuple[str, Any]],
    statistics: Mapping[str, Statistics],
    schema: schema_pb2.Schema,
    spec: schema_pb2.Feature | None,
    stops: bool,
) -> Finding:
    if kind == 0 and where[0][1] is None:
        return Finding("anomaly", "", "documents in every split", f"none in {_splits(where)}", None, stops)
    pieces = [(split, *_seen(kind, reason, statistics[split], spec, schema)) for split, reason in where]
    counted = [rows for _, _, rows in pieces if rows is not None]
    same = len({text for _, text, _ in pieces}) == 1
    seen = (
        f"{pieces[0][1]} in {_splits(where)}"
        if same
        else "; ".join(f"{text} in {split}" for split, text, _ in pieces)
    )
    return Finding(
        "anomaly", name, _expected(kind, spec, schema), seen, sum(counted) if counted else None, stops
    )


def remedy_for(found: Iterable[Finding]) -> str:
    """Returns what a person can do about anomalies that stop a run."""
    dropped = [one.feature for one in found if one.stops and NOT_READ in one.seen]
    usual = "fix the export, or the schema if it is wrong, or say validate.on_anomaly: warn"
    if not dropped:
        return usual
    return (
        f"delete the 'feature' blocks of {', '.join(dropped)} from the schema if the document dropped them on purpose, "
        f"or read them again under data.fields; otherwise {usual}"
    )


def _splits(where: Iterable[tuple[str, Any]]) -> str:
    return ", ".join(split for split, _ in where)


def _expected(kind: int, spec: schema_pb2.Feature | None, schema: schema_pb2.Schema) -> str:
    if kind == Kind.SCHEMA_NEW_COLUMN or spec is None:
        return "only features in the schema"
    if kind in PRESENCE:
        return f"a value in at least {bound(spec.presence.min_fraction)} of the documents"
    if kind == Kind.ENUM_TYPE_UNEXPECTED_STRING_VALUES:
        mass = spec.distribution_constraints.min_domain_mass or 1.0
        allowed = domain(schema, spec)
        return f"one of the {len(allowed)} values of the schema in at least {bound(mass)} of the values"
    if kind in TYPES:
        return f"the type {schema_pb2.FeatureType.Name(spec.type)}"
    if kind in COUNTS:
        return f"{spec.value_count.min} to {spec.value_count.max or 'any number of'} values in a document"
    return "what the schema says"


PRESENCE = frozenset(
    {
        Kind.SCHEMA_MISSING_COLUMN,
        Kind.FEATURE_TYPE_NOT_PRESENT,
        Kind.FEATURE_TYPE_LOW_FRACTION_PRESENT,
        Kind.FEATURE_TYPE_LOW_NUMBER_PRESENT,
    }
)
TYPES = frozenset(
    {
        Kind.UNEXPECTED_DATA_TYPE,
        Kind.STRING_TYPE_NOW_INT,
        Kind.STRING_TYPE_NOW_FLOAT,
        Kind.INT_TYPE_INT_EXPECTED,
        Kind.INT_TYPE_NOT_STRING,
        Kind.INT_TYPE_STRING_EXPECTED,
        Kind.FLOAT_TYPE_NOT_FLOAT,
        Kind.FLOAT_TYPE_STRING_NOT_FLOAT,
        Kind.FLOAT_TYPE_NON_STRING,
        Kind.ENUM_TYPE_FLOAT_NOT_STRING,
        Kind.ENUM_TYPE_INT_NOT_STRING,
        Kind.ENUM_TYPE_BYTES_NOT_STRING,
    }
)
COUNTS = frozenset({Kind.FEATURE_TYPE_LOW_NUMBER_VALUES, Kind.FEATURE_TYPE_HIGH_NUMBER_VALUES})


def _seen(
    kind: int, reason: Any, statistics: Statistics, spec: schema_pb2.Feature | None, schema: schema_pb2.Schema
) -> tuple[str, int | None]:
    """Returns what was seen in one split, and in how many rows if the statistics say."""
    total = int(statistics.datasets[0].num_examples)
    name = spec.name if spec else ""
    of_feature = feature_statistics(statistics, name)
    if kind in PRESENCE and of_feature is None:
        return NOT_READ, total
    if kind in PRESENCE:
        present = int(common(of_feature).num_non_missing) if of_feature else 0
        return f"{present:,} of {total:,} documents have one", total - present
    if kind == Kind.ENUM_TYPE_UNEXPECTED_STRING_VALUES and of_feature and spec:
        return _unexpected(of_feature, domain(schema, spec))
    if kind in TYPES and of_feature:
        return f"the type {statistics_pb2.FeatureNameStatistics.Type.Name(of_feature.type)}", int(
            common(of_feature).num_non_missing
        )
    if kind in COUNTS and of_feature:
        values = common(of_feature)
        return f"{values.min_num_values} to {values.max_num_values} values in a document", None
    if kind == Kind.SCHEMA_NEW_COLUMN:
        return "a feature missing from the schema", None
    return reason.description, None


def _unexpected(
    of_feature: statistics_pb2.FeatureNameStatistics, allowed: set[str]
) -> tuple[str, int | None]:
    buckets = of_feature.string_stats.rank_histogram.buckets
    strange = [(bucket.label, int(bucket.sample_count)) for bucket in buckets if bucket.label not in allowed]
    told = [(label, count) for label, count in strange if may_be_told(label, count)][:MOST_SHOWN]
    more = len(strange) - len(told)
    pieces = [f"{_short(label)!r} {count:,} times" for label, count in told]
    if more:
        which = "more" if told else "rare or personal"
        pieces.append(f"{more} {which} value{'s' * (more > 1)}")
    return " and ".join(filter(None, (", ".join(pieces[: len(told)]), *pieces[len(told) :]))), sum(
        count for _, count in strange
    )


def may_be_told(label: str, count: int) -> bool:
    """Returns whether a value says nothing about one person: several rows have it, and it does not look personal."""
    return count >= FEWEST and look_of(label) is None


def _short(value: str) -> str:
    return value if len(value) <= LONGEST_VALUE else value[: LONGEST_VALUE - 1] + "…"


def domain(schema: schema_pb2.Schema, spec: schema_pb2.Feature) -> set[str]:
    """Returns a feature's allowed values; empty if it has no list."""
    kind = spec.WhichOneof("domain_info")
    if kind == "domain":
        return next((set(d.value) for d in schema.string_domain if d.name == spec.domain), set())
    return set(spec.string_domain.value) if kind == "string_domain" else set()


def feature_statistics(statistics: Statistics, name: str) -> statistics_pb2.FeatureNameStatistics | None:
    """Returns the statistics of a feature, None if no document has it."""
    return next((f for f in statistics.datasets[0].features if ".".join(f.path.step) == name), None)


def common(of_feature: statistics_pb2.FeatureNameStatistics) -> statistics_pb2.CommonStatistics:
    """Returns the statistics common to all types."""
    return getattr(of_feature, of_feature.WhichOneof("stats")).common_stats

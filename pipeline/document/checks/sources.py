"""Contradictions of the source of data: a MongoDB export or a BigQuery query, and what belongs to which."""

from __future__ import annotations

from collections.abc import Iterator

from foundation.document.problems import Problem
from pipeline.document.models import PipelineSpec

_WITH_BIGQUERY = {"bigquery", "fields", "label", "recorded_at", "split"}


def source(spec: PipelineSpec) -> Iterator[Problem]:
    """Finds a missing source, two sources, and settings of an export beside a query."""
    data = spec.data
    if data.bigquery is None:
        if not data.mongo_export:
            remedy = "name the files of an export under data.mongo_export"
            yield Problem(("data",), "no source of data", expected="data.mongo_export", remedy=remedy)
        return
    if data.mongo_export:
        what = "two sources of data: data.mongo_export and data.bigquery"
        yield Problem(("data", "bigquery"), what, remedy="keep one of them")
        return
    for key in sorted(data.model_fields_set - _WITH_BIGQUERY):
        what = f"data.{key} says nothing to BigQuery, whose rows TFX reads as they are"
        yield Problem(("data", key), what, remedy="take it out; do in the query what it did", on_key=True)
    yield from _columns(spec)
    if spec.infer:
        remedy = "take infer out, or train from an export"
        yield Problem(
            ("infer",), "predictions for an export of a model that learns from BigQuery", remedy=remedy
        )


def _columns(spec: PipelineSpec) -> Iterator[Problem]:
    for path, field in spec.data.fields.items():
        if "." in path or field.to not in (None, path):
            yield Problem(
                ("data", "fields", path),
                "a column of a query keeps its name",
                remedy="rename it in the query with AS",
                on_key=True,
            )
    split = spec.data.split
    if "." in split.by:
        yield Problem(("data", "split", "by"), "a path, where BigQuery has columns", seen=split.by)
    if split.stratify or split.by_time:
        key = "stratify" if split.stratify else "by_time"
        what = f"data.split.{key} with BigQuery, whose rows TFX deals by a hash alone"
        yield Problem(("data", "split", key), what, remedy="take it out")

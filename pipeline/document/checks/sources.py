"""Contradictions in the data source: a MongoDB export or a BigQuery query, and the settings of each."""

from __future__ import annotations

from collections.abc import Iterator

from foundation.document.problems import Problem
from pipeline.document.models import PipelineSpec

_WITH_BIGQUERY = {"bigquery", "fields", "label", "recorded_at", "split"}


def source(spec: PipelineSpec) -> Iterator[Problem]:
    """Finds a missing source, two sources, and settings of an export next to a query."""
    data = spec.data
    if data.bigquery is None:
        if not data.mongo_export:
            remedy = "name the files of an export under data.mongo_export"
            yield Problem(("data",), "no data source", expected="data.mongo_export", remedy=remedy)
        return
    if data.mongo_export:
        what = "two data sources: data.mongo_export and data.bigquery"
        yield Problem(("data", "bigquery"), what, remedy="keep one of them")
        return
    for key in sorted(data.model_fields_set - _WITH_BIGQUERY):
        what = f"data.{key} has no effect on BigQuery, whose rows TFX reads unchanged"
        yield Problem(("data", key), what, remedy="remove it; do its work in the query", on_key=True)
    yield from _columns(spec)
    if spec.infer:
        remedy = "remove infer, or train from an export"
        yield Problem(
            ("infer",), "predictions for an export, by a model trained from BigQuery", remedy=remedy
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
        yield Problem(("data", "split", "by"), "a dotted path, but BigQuery has columns", seen=split.by)
    if split.stratify or split.by_time:
        key = "stratify" if split.stratify else "by_time"
        what = f"data.split.{key} with BigQuery, whose rows TFX splits only by hash"
        yield Problem(("data", "split", key), what, remedy="remove it")

"""News of an export: the newest that the document's pattern matches, or a given span."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from components.exports.source import resolve
from foundation.errors import SpecError
from pipeline.announce.news import News

if TYPE_CHECKING:
    from pipeline.announce.airflow import AssetEvent
    from pipeline.document.models import PipelineSpec

_DATA = "data"
"""Key of an event: the fingerprint of the export, as a run reads it."""


def new_export(spec: PipelineSpec, folder: Path, span: int | None) -> News:
    """Returns the news of an export; one whose content has changed since is other news.

    Args:
        spec: The document.
        folder: Folder that relative paths of exports start from.
        span: The span; None for the newest.

    Raises:
        SpecError: The document reads no export.
        DataError: There is no export, or none of that span.
        StorageError: It cannot be read.
    """
    if spec.data.bigquery:
        raise SpecError(
            "data.bigquery",
            expected="data.mongo_export: a query has no exports",
            seen="a query",
            remedy="schedule the pipeline instead",
        )
    found = resolve(spec.data.mongo_export, folder, "latest" if span is None else span)
    extra = {_DATA: found.fingerprint}

    def same(event: AssetEvent) -> bool:
        return bool(event.extra.get(_DATA) == found.fingerprint)

    def same_span(event: AssetEvent) -> bool:  # who sends an event by other means may name the span alone
        told = event.extra
        return bool(
            told.get("span") == found.span and told.get(_DATA, found.fingerprint) == found.fingerprint
        )

    if found.span is None:
        return News("export", extra, same)
    return News("export", {"span": found.span, **extra}, same_span)

"""An ingestion from resolved files to published splits and their report."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from components.exports.diverted import find_diverted
from components.mongo_example_gen import quarantine
from components.mongo_example_gen.plan import Plan
from components.mongo_example_gen.privacy.report import privacy_section
from components.mongo_example_gen.reading import Request, check, group_files, read, sum_of
from components.mongo_example_gen.report import report, write_report
from components.mongo_example_gen.span_cache import Entry
from components.mongo_example_gen.window import read_window


def ingest(request: Request, make_pipeline: Callable[[], Any]) -> dict[str, Any]:
    """Reads an export, or the spans of a window that are not cached, and publishes splits and report.

    Args:
        request: What to ingest and where to write.
        make_pipeline: Returns a new Beam pipeline.

    Returns:
        The report, as written to ``ingestion.json``; counts are summed over all spans.

    Raises:
        DataError: The export is invalid, or its data fails a check.
        StorageError: Something cannot be read or written.
    """
    began = time.monotonic()
    expired = _expire_quarantine(request)
    if request.source.spans:
        entries, plan, window = read_window(request, make_pipeline)
    else:  # no window will reuse its shards, so they are not cached
        reading = read(request, make_pipeline, {}, lambda reading: check(request, [reading]))
        entries, plan, window = [Entry(request.output, {}, reading)], reading.plan, {}
    tally = sum_of(entry.reading.tally for entry in entries)
    origin = replace(entries[-1].reading.origin, source=request.source, seconds=time.monotonic() - began)
    content = report(tally, plan, origin)
    content["privacy"] = privacy_section(tally, plan, _groups(entries, plan), request.output)
    content["quarantine_expired"] = expired
    content["diverted"] = find_diverted(request.source.absolute_paths(request.base_folder))
    for file in group_files(request.output, plan).values():
        file.unlink(missing_ok=True)
    write_report(request.output, content | window)
    return content | window


def _groups(entries: list[Entry], plan: Plan) -> dict[str, list[Path]]:
    folders = [group_files(entry.folder, plan) for entry in entries]
    return {split: [files[split] for files in folders] for split in folders[0]}


def _expire_quarantine(request: Request) -> int:
    """Removes expired quarantine files, except those that are being read; returns how many."""
    config = request.config.bad_documents
    reading = set(request.source.absolute_paths(request.base_folder))
    return quarantine.expire(request.base_folder / config.folder, config.expire_days, reading)

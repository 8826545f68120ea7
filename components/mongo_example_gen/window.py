"""A window of spans: new spans are read, cached ones reused, and the shards of all go into one artifact."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from components.exports import tally as count
from components.exports.source import ResolvedInput, verify_unchanged
from components.exports.tally import Tally, kinds_of
from components.mongo_example_gen import span_cache
from components.mongo_example_gen.plan import Plan, settle_types
from components.mongo_example_gen.privacy.protect import check_rules
from components.mongo_example_gen.reading import Reading, Request, check, clear, read, sum_of
from components.mongo_example_gen.span_cache import Entry

Taken = dict[str, str]
"""Fingerprint of a span → how it was obtained: ``cache``, ``read``, ``read again: other types``."""


def read_window(
    request: Request, make_pipeline: Callable[[], Any]
) -> tuple[list[Entry], Plan, dict[str, Any]]:
    """Reads the spans of a window that are not cached, and publishes the shards of all as one artifact.

    Returns:
        An entry for each span, the plan with the types of the window, and the report section ``window``.
    """
    verify_unchanged(request.source, request.base_folder)
    entries, taken = _entries(request, make_pipeline)
    plan = _settled(request.plan, entries)
    readings = [entry.reading for entry in entries]
    check(request, [*readings[:-1], replace(readings[-1], plan=plan)])
    clear(request.output)
    linked = span_cache.link_shards(entries, request.output, plan.splits)
    spans = [_described(reading, taken) for reading in readings]
    return entries, plan, {"window": {"shards": "linked" if linked else "copied", "spans": spans}}


def _entries(request: Request, make_pipeline: Callable[[], Any]) -> tuple[list[Entry], Taken]:
    """Returns an entry for each span, all with the same types."""
    known: dict[str, Entry] = {}
    taken: Taken = {}
    for span in request.source.spans:
        entry = span_cache.read_entry(span_cache.entry_folder(request, span), request.plan, span)
        if entry:
            known[span.fingerprint], taken[span.fingerprint] = entry, "cache"
    for span in request.source.spans:
        if span.fingerprint not in known:
            known[span.fingerprint] = _read(request, span, list(known.values()), make_pipeline)
            taken[span.fingerprint] = "read"
    for span in request.source.spans:
        if not _fits(known[span.fingerprint], _settled(request.plan, list(known.values()))):
            known[span.fingerprint] = _read(request, span, list(known.values()), make_pipeline)
            taken[span.fingerprint] = "read again: other types"
    return [known[span.fingerprint] for span in request.source.spans], taken


def _read(
    request: Request, span: ResolvedInput, others: list[Entry], make_pipeline: Callable[[], Any]
) -> Entry:
    folder = span_cache.entry_folder(request, span)
    with span_cache.unfinished(folder) as temporary:
        reading = read(replace(request, source=span, output=temporary.path), make_pipeline, _kinds(others))
        span_cache.write_entry(temporary.path, reading)
        span_cache.keep(folder, temporary)
    return Entry(folder, {column.feature: column.type for column in reading.plan.columns}, reading)


def _kinds(entries: list[Entry]) -> dict[str, set[str]]:
    return kinds_of(sum_of(entry.reading.tally for entry in entries))


def _settled(plan: Plan, entries: list[Entry]) -> Plan:
    settled = settle_types(plan, _kinds(entries))
    check_rules(settled)
    return settled


def _fits(entry: Entry, plan: Plan) -> bool:
    """Returns whether a span was read with the types of the window; features without values fit any type."""
    tally = entry.reading.tally
    values = kinds_of(tally)

    def bare(feature: str) -> bool:
        return feature not in values and not tally[count.field(feature, "empty")]

    return all(entry.types[c.feature] in (None, c.type) or bare(c.feature) for c in plan.columns)


def _described(reading: Reading, taken: Taken) -> dict[str, Any]:
    source, tally = reading.origin.source, reading.tally
    return {
        "span": source.span,
        "version": source.version,
        "fingerprint": source.fingerprint,
        "from": taken[source.fingerprint],
        "documents": _counts(tally),
    }


def _counts(tally: Tally) -> dict[str, int]:
    return {
        "read": tally[count.READ],
        "accepted": tally[count.ACCEPTED],
        "quarantined": sum(count.section(tally, "quarantined").values()),
        "filtered": sum(count.section(tally, "filtered").values()),
        "superseded": tally[count.SUPERSEDED],
    }

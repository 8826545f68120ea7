"""Runs one export from start to finish, or resumes it."""

from __future__ import annotations

import datetime
import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pymongo.errors import InvalidName, PyMongoError

from foundation.errors import DataError, SpecError
from foundation.publish import write_text
from foundation.storage import Location
from pipeline.export import manifest, place, plan, snapshot
from pipeline.export.connect import Server, ask, connect, failure
from pipeline.export.governor import Governor, RateLimit
from pipeline.export.plan import ExportPlan
from pipeline.export.probe import probe
from pipeline.export.ranges import both, cut
from pipeline.export.reader import Flow, read_range
from pipeline.export.settings import ExportSettings
from pipeline.export.shards import Shard, load_checkpoint
from pipeline.export.window import next_window

Listener = Callable[[str], None]
_REPORT_SECONDS = 5.0


@dataclass(frozen=True)
class Exported:
    """The result of an export."""

    folder: Location | None
    """The folder of the span; None if an incremental export found nothing new."""
    manifest: dict[str, Any]


def export(
    settings: ExportSettings, uri: str, restart: bool = False, say: Listener = lambda line: None
) -> Exported:
    """Exports a collection, resuming an earlier attempt.

    Args:
        settings: What to export, and how.
        uri: The connection string; it never appears in a file, message or log.
        restart: Whether to discard an unfinished attempt.
        say: Called with progress lines.

    Raises:
        DataError: There is nothing to export, or it cannot be exported incrementally.
        LockedError: Another process is exporting into the same span.
        SpecError: The unfinished export has other settings, the connection string is invalid, or the server refuses
            the filter or the fields.
        StorageError: The server or the disk fails; the same command resumes.
    """
    client = connect(uri, settings.read_preference, settings.parallel, settings.patience_seconds)
    try:
        span = plan.choose_span(settings)
        partial = plan.partial_folder(settings, span)
        with plan.held(partial):
            if restart:
                plan.restart(partial)
            return _export(client, settings, uri, partial, span, say)
    except InvalidName as error:
        raise SpecError("database and collection", expected="their names", seen=str(error)) from error
    except PyMongoError as error:
        wrapped = failure(
            error, uri, "check the server, then run the same command again: it resumes where it stopped"
        )
        raise wrapped from wrapped.__cause__
    finally:
        client.close()


def _export(
    client: Any, settings: ExportSettings, uri: str, partial: Path, span: int, say: Listener
) -> Exported:
    if (partial / manifest.NAME).exists():  # it was killed at its last step
        whole = manifest.read_manifest(partial)
        return Exported(place.publish(settings, partial, span), whole)
    server = ask(client, uri)
    collection = client[settings.database][settings.collection]
    settled = plan.load(partial, settings)
    if settled:
        there = sum(load_checkpoint(partial, each.index).documents for each in settled.ranges)
        say(f"Resuming span {span}: {there} documents already exported.")
    else:
        probe(collection, settings, uri)
        settled = _plan(client, collection, settings, server)
        plan.save(partial, settled)
    flow = _flow(client, collection, settings, settled)
    begin = time.monotonic()
    shards = _read(flow, settled, partial, settings, say)
    made = _manifest(settings, settled, shards, flow, time.monotonic() - begin)
    if not made["documents"]:
        return _nothing(settings, partial, made)
    write_text(partial / manifest.NAME, json.dumps(made, indent=1) + "\n")
    return Exported(place.publish(settings, partial, span), made)


def _plan(client: Any, collection: Any, settings: ExportSettings, server: Server) -> ExportPlan:
    window = None
    if settings.incremental:
        last = plan.last_window(settings)
        window = next_window(collection, settings.incremental, last, server.now, settings.settle_seconds)
    moment = snapshot.take(client, collection, server, settings.consistency == "auto")
    count = collection.estimated_document_count()
    step = max(1, min(settings.shard_documents, -(-count // settings.parallel)))
    on_id = window.condition() if window and window.field == "_id" else None
    with moment.session(client) as session:
        ranges = cut(collection, on_id, step, session)
    return ExportPlan(
        settings.identity(), tuple(ranges), window, moment, server.now, f"{server.kind} {server.version}"
    )


def _flow(client: Any, collection: Any, settings: ExportSettings, settled: ExportPlan) -> Flow:
    window = settled.window.condition() if settled.window else None
    return Flow(
        settings=settings,
        collection=collection,
        condition=both(settings.filter, window),
        snapshot=lambda: settled.snapshot.session(client),
        governor=Governor(settings.parallel),
        documents=RateLimit(settings.documents_per_second),
        bytes=RateLimit(settings.bytes_per_second),
        stop=threading.Event(),
        progress=lambda count: None,
    )


def _read(
    flow: Flow, settled: ExportPlan, partial: Path, settings: ExportSettings, say: Listener
) -> list[Shard]:
    """Reads all ranges; on any failure, the others stop after their batch and save their checkpoints."""
    suffix = "bson" if settings.format == "bson" else "jsonl"
    shards = [Shard(partial, extent, suffix) for extent in settled.ranges]
    counter = _Counter(len(shards), flow, say)
    flow.progress = counter.add
    with ThreadPoolExecutor(settings.parallel, "export") as pool:
        waiting: set[Future[None]] = {
            pool.submit(read_range, flow, extent, shard)
            for extent, shard in zip(settled.ranges, shards, strict=True)
        }
        try:
            while waiting:
                done, waiting = wait(waiting, timeout=_REPORT_SECONDS, return_when=FIRST_EXCEPTION)
                for future in done:
                    future.result()
                counter.report(len(shards) - len(waiting))
        finally:
            flow.stop.set()
    return shards


class _Counter:
    """Counts documents across threads and reports now and then."""

    def __init__(self, ranges: int, flow: Flow, say: Listener) -> None:
        self._ranges, self._flow, self._say = ranges, flow, say
        self._lock = threading.Lock()
        self._documents = 0
        self._begin = time.monotonic()

    def add(self, documents: int) -> None:
        with self._lock:
            self._documents += documents

    def report(self, done: int) -> None:
        rate = self._documents / max(0.001, time.monotonic() - self._begin)
        governor = self._flow.governor
        slowed = (
            f", {governor.limit} in parallel: the server is slow"
            if governor.limit < governor.parallel
            else ""
        )
        self._say(f"{self._documents} documents, {rate:,.0f}/s, {done} of {self._ranges} ranges{slowed}")


def _manifest(
    settings: ExportSettings, settled: ExportPlan, shards: list[Shard], flow: Flow, seconds: float
) -> dict[str, Any]:
    ended = datetime.datetime.now(datetime.UTC)
    kept = [(s, e) for s, e in zip(shards, settled.ranges, strict=True) if s.checkpoint.documents]
    for shard in shards:
        if not shard.checkpoint.documents:
            shard.path.unlink(missing_ok=True)
    files = [manifest.describe_file(shard.path, extent, shard.checkpoint) for shard, extent in kept]
    documents = sum(entry["documents"] for entry in files)
    outside = sum(shard.checkpoint.outside_snapshot for shard in shards)
    began, at = (moment.isoformat(timespec="seconds") for moment in (settled.started, ended))
    return {
        "version": manifest.VERSION,
        "export": settled.identity,
        "documents": documents,
        "bytes": sum(entry["bytes"] for entry in files),
        "started": settled.started.isoformat(),
        "ended": ended.isoformat(),
        "seconds": round(seconds, 3),
        "server": settled.server,
        "read_preference": settings.read_preference,
        "consistency": manifest.statement(
            documents, outside, settled.snapshot.at, settled.snapshot.reason, f"between {began} and {at}"
        ),
        "window": settled.window.to_json() if settled.window else None,
        "replaced_invalid_utf8": sum(shard.checkpoint.replaced for shard in shards),
        "slowed_down": flow.governor.slowed,
        "files": files,
    }


def _nothing(settings: ExportSettings, partial: Path, made: dict[str, Any]) -> Exported:
    plan.discard(partial)
    if settings.incremental:
        return Exported(None, made)
    raise DataError(
        f"collection {settings.database}.{settings.collection}",
        expected="documents" + (" that match the filter" if settings.filter else ""),
        seen="none",
        remedy="check both names, and the user's rights",
    )

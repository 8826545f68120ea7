"""Reads one range to its end, surviving interruptions."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from pymongo.errors import AutoReconnect, CursorNotFound, OperationFailure

from pipeline.export.encode import Encoder
from pipeline.export.governor import Governor, RateLimit
from pipeline.export.ranges import IdRange, both
from pipeline.export.settings import ExportSettings
from pipeline.export.shards import Shard

_SNAPSHOT_IS_GONE = frozenset({239, 246})
"""SnapshotTooOld and SnapshotUnavailable: the server keeps a snapshot for five minutes unless told otherwise."""
_LONGEST_WAIT = 8.0


@dataclass
class Flow:
    """State shared by the readers of one export."""

    settings: ExportSettings
    collection: Any
    condition: dict[str, Any]
    """Filter and window."""
    snapshot: Callable[[], contextlib.AbstractContextManager[Any]]
    """Returns a session that reads the snapshot, or None."""
    governor: Governor
    documents: RateLimit
    bytes: RateLimit
    stop: threading.Event
    progress: Callable[[int], None]
    """Called with the number of documents received."""
    snapshot_gone: bool = False


def read_range(flow: Flow, extent: IdRange, shard: Shard) -> None:
    """Reads a range from its checkpoint on; everything read is on disk when this returns or raises.

    Raises:
        PyMongoError: The server refuses, or stays unreachable for longer than the settings allow.
        StorageError: The disk cannot be written.
    """
    if shard.checkpoint.done:
        return
    away_since: float | None = None
    wait = 0.25
    while not flow.stop.is_set():
        before = shard.after
        try:
            _read_on(flow, extent, shard)
            break
        except (AutoReconnect, CursorNotFound):
            shard.flush()
            if shard.after != before:
                away_since, wait = None, 0.25
            away_since = away_since or time.monotonic()
            if time.monotonic() - away_since + wait > flow.settings.patience_seconds:
                raise
            flow.stop.wait(wait)
            wait = min(_LONGEST_WAIT, 2 * wait)
        except OperationFailure as error:
            shard.flush()
            if error.code not in _SNAPSHOT_IS_GONE or flow.snapshot_gone:
                raise
            flow.snapshot_gone = True  # the manifest counts the documents read afterwards
    shard.flush(done=not flow.stop.is_set())


def _read_on(flow: Flow, extent: IdRange, shard: Shard) -> None:
    condition = extent.condition(shard.after)
    if condition is None:
        return
    encoder = Encoder(flow.settings.format)
    with contextlib.ExitStack() as stack:
        in_snapshot = not flow.snapshot_gone
        session = stack.enter_context(flow.snapshot()) if in_snapshot else None
        for batch in _batches(flow, both(condition, flow.condition), session, stack):
            replaced = encoder.replaced
            content, count, last = encoder.encode(batch)
            in_snapshot = session is not None
            shard.add(content, count, last, in_snapshot=in_snapshot, replaced=encoder.replaced - replaced)
            flow.progress(count)
            flow.documents.take(count, flow.stop)
            flow.bytes.take(len(batch), flow.stop)
            if flow.stop.is_set():
                return


def _batches(
    flow: Flow, condition: dict[str, Any], session: Any, stack: contextlib.ExitStack
) -> Iterator[bytes]:
    settings = flow.settings
    size = settings.batch
    if settings.documents_per_second:  # a batch is at most a quarter of a second's worth
        size = max(1, min(size, int(settings.documents_per_second / 4)))
    cursor = flow.collection.find_raw_batches(
        condition, settings.projected(), batch_size=size, session=session
    ).sort("_id", 1)
    stack.callback(cursor.close)
    while True:
        with flow.governor.turn(flow.stop):
            begin = time.monotonic()
            batch = next(cursor, None)
            flow.governor.observe(time.monotonic() - begin)
        if batch is None:
            return
        if batch:
            yield batch

"""Reads many ranges from one snapshot, if the deployment can."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bson import Timestamp
from pymongo.errors import ConfigurationError, OperationFailure

from pipeline.export.connect import Server


@dataclass(frozen=True)
class Snapshot:
    """The time of the snapshot, or why there is none."""

    time: Timestamp | None
    reason: str = ""

    @property
    def at(self) -> datetime.datetime | None:
        """The snapshot's time, UTC."""
        return self.time.as_datetime() if self.time else None

    @contextlib.contextmanager
    def session(self, client: Any) -> Iterator[Any]:
        """Yields a session that reads the snapshot; None if there is none.

        Threads must not share sessions, and pymongo lets each session choose its own time and keeps it in a private
        attribute: so the first session's time is copied to the others.
        """
        if self.time is None:
            yield None
            return
        with client.start_session(snapshot=True) as session:
            session._snapshot_time = self.time
            yield session

    def to_json(self) -> dict[str, Any]:
        """Returns the snapshot as JSON."""
        return {"time": [self.time.time, self.time.inc] if self.time else None, "reason": self.reason}

    @staticmethod
    def from_json(value: dict[str, Any]) -> Snapshot:
        """Parses the output of ``to_json``."""
        return Snapshot(Timestamp(*value["time"]) if value["time"] else None, value["reason"])


def take(client: Any, collection: Any, server: Server, wanted: bool) -> Snapshot:
    """Fixes the time of the snapshot, by a first read in a snapshot session.

    Args:
        client: A pymongo client.
        collection: The collection to read.
        server: What the deployment reports about itself.
        wanted: Whether to use a snapshot at all.
    """
    if not wanted:
        return Snapshot(None, "--consistency none")
    if not server.snapshots:
        return Snapshot(
            None,
            f"a {server.kind} of version {server.version} cannot read snapshots (a replica set from 5.0 on can)",
        )
    try:
        with client.start_session(snapshot=True) as session:
            collection.find_one({}, {"_id": 1}, session=session)
            moment = getattr(session, "_snapshot_time", None)
    except (OperationFailure, ConfigurationError) as error:
        return Snapshot(None, f"the server refused to read a snapshot: {type(error).__name__}")
    return Snapshot(moment, "" if moment else "the server returned no snapshot time")

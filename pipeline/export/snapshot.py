"""Reading many ranges as of one moment, where the deployment can."""

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
    """The moment that is read, or why there is none."""

    time: Timestamp | None
    reason: str = ""

    @property
    def at(self) -> datetime.datetime | None:
        """The moment, UTC."""
        return self.time.as_datetime() if self.time else None

    @contextlib.contextmanager
    def session(self, client: Any) -> Iterator[Any]:
        """Yields a session that reads as of the moment; None where there is none.

        pymongo keeps the moment in a private attribute and lets each session choose its own: sessions must not be
        shared by threads, so the first one's moment is handed to the others.
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
        """Reads what ``to_json`` wrote."""
        return Snapshot(Timestamp(*value["time"]) if value["time"] else None, value["reason"])


def take(client: Any, collection: Any, server: Server, wanted: bool) -> Snapshot:
    """Settles the moment that an export reads, by a first read in a snapshot session.

    Args:
        client: A pymongo client.
        collection: The collection to read.
        server: What the deployment says of itself.
        wanted: Whether a snapshot is wanted at all.
    """
    if not wanted:
        return Snapshot(None, "--consistency none")
    if not server.snapshots:
        return Snapshot(
            None,
            f"a {server.kind} of version {server.version} reads no snapshots (a replica set from 5.0 does)",
        )
    try:
        with client.start_session(snapshot=True) as session:
            collection.find_one({}, {"_id": 1}, session=session)
            moment = getattr(session, "_snapshot_time", None)
    except (OperationFailure, ConfigurationError) as error:
        return Snapshot(None, f"the server refused to read a snapshot: {type(error).__name__}")
    return Snapshot(moment, "" if moment else "the server named no moment")

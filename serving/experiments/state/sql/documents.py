"""Versioned documents and events."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from serving.experiments.state.store import Event

if TYPE_CHECKING:
    from collections.abc import Mapping

    from serving.experiments.state.sql.session import Session
    from serving.experiments.state.store import Document


def read(session: Session, key: str) -> tuple[int, Document] | None:
    """Returns a document's version and value; None if there is none."""
    found = session.rows("SELECT version, value FROM penstock_documents WHERE key = ?", (key,))
    return (found[0][0], json.loads(found[0][1])) if found else None


def write(session: Session, key: str, value: Document, expected: int) -> bool:
    """Writes a document if its version is still the expected one; returns whether it was."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    if expected:
        sql = "UPDATE penstock_documents SET version = version + 1, value = ? WHERE key = ? AND version = ?"
        return session.changed(sql, (text, key, expected)) == 1
    sql = "INSERT INTO penstock_documents (key, version, value) VALUES (?, 1, ?) ON CONFLICT (key) DO NOTHING"
    return session.changed(sql, (key, text)) == 1


def event(
    session: Session, experiment: str, kind: str, text: str, detail: Mapping[str, Any], now: float
) -> None:
    """Records an event."""
    session.changed(
        "INSERT INTO penstock_events (number, experiment, at, kind, text, detail) "
        "SELECT COALESCE(MAX(number), 0) + 1, ?, ?, ?, ?, ? FROM penstock_events",
        (experiment, now, kind, text, json.dumps(dict(detail), default=str)),
    )


def events(session: Session, experiment: str | None, after: int, limit: int) -> list[Event]:
    """Returns the latest events, oldest first."""
    where, values = ("AND experiment = ?", [experiment]) if experiment is not None else ("", [])
    rows = session.rows(
        f"SELECT number, experiment, at, kind, text, detail FROM penstock_events WHERE number > ? {where} "
        "ORDER BY number DESC LIMIT ?",
        [after, *values, limit],
    )
    return [
        Event(n, name, at, kind, text, json.loads(detail)) for n, name, at, kind, text, detail in rows[::-1]
    ]

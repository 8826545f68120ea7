"""ML Metadata's SQLite file read with Python's own library: to load ML Metadata takes five times as long as to read it.

Only reads, and only the tables of one version of ML Metadata, whose own library does all writing. Names of states and
events are those of ``metadata_store.proto``.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from foundation.lock import locked
from pipeline.lineage.records import Artifact, Execution, Value

SCHEMA_VERSION = 10
"""The version of the tables; ML Metadata 1.0 to 1.21 have this one."""
EXECUTION_STATES = ("UNKNOWN", "NEW", "RUNNING", "COMPLETE", "FAILED", "CACHED", "CANCELED")
ARTIFACT_STATES = ("UNKNOWN", "PENDING", "LIVE", "MARKED_FOR_DELETION", "DELETED", "ABANDONED", "REFERENCE")
EVENTS = (
    "UNKNOWN",
    "DECLARED_OUTPUT",
    "DECLARED_INPUT",
    "INPUT",
    "OUTPUT",
    "INTERNAL_INPUT",
    "INTERNAL_OUTPUT",
    "PENDING_OUTPUT",
)
OUTPUTS = ("OUTPUT", "DECLARED_OUTPUT")
"""Events of an artifact that an execution made."""
LOOKED_UP = ("PENDING_OUTPUT", "INTERNAL_OUTPUT")
"""Events of an artifact that a resolver found; it has not made it."""
_STRUCTURE = "mlmd-struct::"
"""What the text of a structure begins with."""

Snapshot = tuple[list[Execution], dict[int, Artifact]]
"""All executions of a pipeline, oldest first, and its artifacts by id."""
Links = dict[int, dict[str, tuple[int, ...]]]
"""Execution → key → artifacts."""

_CONTEXT = """
    SELECT Context.id FROM Context JOIN Type ON Type.id = Context.type_id
    WHERE Type.type_kind = 2 AND Type.name = 'pipeline' AND Context.name = ?"""
_RUNS = """
    SELECT execution_id, Context.name
    FROM Association JOIN Context ON Context.id = context_id JOIN Type ON Type.id = Context.type_id
    WHERE Type.type_kind = 2 AND Type.name = 'pipeline_run' ORDER BY Context.id"""
_EXECUTIONS = """
    SELECT Execution.id, Type.name, last_known_state, create_time_since_epoch, last_update_time_since_epoch
    FROM Execution JOIN Type ON Type.id = Execution.type_id
    WHERE Execution.id IN (SELECT execution_id FROM Association WHERE context_id = ?) ORDER BY Execution.id"""
_ARTIFACTS = """
    SELECT Artifact.id, Type.name, uri, state, create_time_since_epoch
    FROM Artifact JOIN Type ON Type.id = Artifact.type_id
    WHERE Artifact.id IN (SELECT artifact_id FROM Attribution WHERE context_id = ?) ORDER BY Artifact.id"""
_EVENTS = """
    SELECT Event.id, execution_id, artifact_id, type, step_key
    FROM Event LEFT JOIN EventPath ON EventPath.event_id = Event.id AND NOT is_index_step
    WHERE execution_id IN (SELECT execution_id FROM Association WHERE context_id = ?)
    ORDER BY Event.id, EventPath.rowid"""
_PROPERTIES = """
    SELECT {owner}_id, name, int_value, double_value, string_value, bool_value
    FROM {table} WHERE {owner}_id IN (SELECT {owner}_id FROM {member} WHERE context_id = ?)
    ORDER BY is_custom_property"""


def snapshot(file: Path, pipeline: str) -> Snapshot | None:
    """Returns all that ML Metadata knows of a pipeline; None where its own library has to be asked.

    That is where the tables are of another version, where the file cannot be read, of which that library tells why, and
    where that library is loaded: two copies of SQLite in a process undo each other's locks (SQLite's "How To Corrupt",
    section 2.2.1).

    Args:
        file: The SQLite file.
        pipeline: Name of the pipeline.
    """
    if "ml_metadata" in sys.modules:
        return None
    try:
        address = f"file:{quote(str(file))}?mode=rw"
        with _beside_no_writer(file), closing(sqlite3.connect(address, uri=True)) as store:
            store.isolation_level = None
            store.execute("BEGIN")  # all queries see one state
            if store.execute("SELECT schema_version FROM MLMDEnv").fetchall() != [(SCHEMA_VERSION,)]:
                return None
            return _read(store, pipeline)
    except (sqlite3.Error, LookupError):
        return None


def lock_of(file: Path) -> Path:
    """Returns the lock file of a SQLite file, see ``steady.SteadyStore``."""
    return file.with_name(f"{file.name}.lock")


@contextlib.contextmanager
def _beside_no_writer(file: Path) -> Iterator[None]:
    if not os.access(
        lock_of(file), os.W_OK
    ):  # from before there were locks, or on a disk that takes no writes
        yield
        return
    with locked(lock_of(file), shared=True):
        yield


def _read(store: sqlite3.Connection, pipeline: str) -> Snapshot:
    found = store.execute(_CONTEXT, (pipeline,)).fetchone()
    if found is None:
        return [], {}
    of_pipeline: tuple[int] = found
    runs = dict(store.execute(_RUNS))
    inputs, outputs = _links(store, of_pipeline)
    return _executions(store, of_pipeline, runs, inputs, outputs), _artifacts(store, of_pipeline)


def _executions(
    store: sqlite3.Connection, context: tuple[int], runs: dict[int, str], inputs: Links, outputs: Links
) -> list[Execution]:
    properties = _properties(store, context, "execution", "ExecutionProperty", "Association")
    return [
        Execution(
            id=number,
            node=str(properties[number].get("penstock_node", "")) or kind.rpartition(".")[2],
            state=EXECUTION_STATES[state or 0],
            properties=properties[number],
            run=runs.get(number, ""),
            started=created / 1000,
            ended=updated / 1000,
            inputs=inputs.get(number, {}),
            outputs=outputs.get(number, {}),
        )
        for number, kind, state, created, updated in store.execute(_EXECUTIONS, context)
    ]


def _artifacts(store: sqlite3.Connection, context: tuple[int]) -> dict[int, Artifact]:
    properties = _properties(store, context, "artifact", "ArtifactProperty", "Attribution")
    return {
        number: Artifact(
            number, kind, uri or "", ARTIFACT_STATES[state or 0], properties[number], created / 1000
        )
        for number, kind, uri, state, created in store.execute(_ARTIFACTS, context)
    }


def _links(store: sqlite3.Connection, context: tuple[int]) -> tuple[Links, Links]:
    """Returns inputs and outputs; an artifact used under several keys has one event, whose path names them all."""
    inputs: Links = defaultdict(dict)
    outputs: Links = defaultdict(dict)
    for _, execution, artifact, kind, key in store.execute(_EVENTS, context):
        event = EVENTS[kind]
        if event not in LOOKED_UP:
            side = (outputs if event in OUTPUTS else inputs)[execution]
            side[key or ""] = (*side.get(key or "", ()), artifact)
    return inputs, outputs


def _properties(
    store: sqlite3.Connection, context: tuple[int], owner: str, table: str, member: str
) -> defaultdict[int, dict[str, Value]]:
    """Returns owner → properties and custom properties together; structures, protos and bytes are left out."""
    found: defaultdict[int, dict[str, Value]] = defaultdict(dict)
    query = _PROPERTIES.format(owner=owner, table=table, member=member)
    for number, name, whole, real, text, truth in store.execute(query, context):
        if text is not None and text.startswith(_STRUCTURE):
            continue
        plain = next((value for value in (whole, real, text) if value is not None), None)
        value = plain if truth is None else bool(truth)
        if value is not None:
            found[number][name] = value
    return found

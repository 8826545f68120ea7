"""The lineage of one pipeline, read from ML Metadata in a handful of queries."""

from __future__ import annotations

import contextlib
import errno
import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from foundation.errors import MetadataError
from foundation.publish import storage_error
from pipeline.document.models import MetadataConfig
from pipeline.lineage import sqlite
from pipeline.lineage.records import Artifact, Execution, Value
from pipeline.lineage.sqlite import Snapshot

_VERSIONS = re.compile(r"database version (\d+) is (older|greater) than library version (\d+)")
_SQLITE = b"SQLite format 3\0"
"""How every file of SQLite begins that is not empty, https://www.sqlite.org/fileformat.html."""
_UNQUOTED = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
"""Names that SQL takes without quotes."""
RUN_PROPERTY = "penstock_run"
"""Property of an execution: the run that it belongs to."""


class Lineage(Protocol):
    """The queries behind plan, status, lineage and clean."""

    def executions(self) -> list[Execution]:
        """Returns all executions of the pipeline, oldest first."""
        ...

    def artifacts(self) -> dict[int, Artifact]:
        """Returns all artifacts of the pipeline by id."""
        ...


def artifacts_of_run(lineage: Lineage, run: str) -> dict[tuple[str, str], Artifact]:
    """Returns (node, output key) → artifact for everything that a run made or reused."""
    done = {e.id for e in lineage.executions() if e.run == run and e.state in ("COMPLETE", "CACHED")}
    return artifacts_of_executions(lineage, done)


def artifacts_of_executions(lineage: Lineage, executions: Collection[int]) -> dict[tuple[str, str], Artifact]:
    """Returns (node, output key) → artifact for everything that some executions made or reused."""
    known = lineage.artifacts()
    return {
        (execution.node, key): known[artifact_id]
        for execution in lineage.executions()
        if execution.id in executions
        for key, ids in execution.outputs.items()
        for artifact_id in ids
        if artifact_id in known
    }


class MemoryLineage:
    """An in-memory test double, filled by hand.

    Args:
        executions: The executions, oldest first.
        artifacts: The artifacts.
    """

    def __init__(
        self, executions: list[Execution] | None = None, artifacts: list[Artifact] | None = None
    ) -> None:
        self._executions = executions or []
        self._artifacts = {a.id: a for a in artifacts or []}

    def executions(self) -> list[Execution]:
        """Returns all executions, oldest first."""
        return self._executions

    def artifacts(self) -> dict[int, Artifact]:
        """Returns all artifacts by id."""
        return self._artifacts


class MlmdLineage:
    """Lineage of one pipeline in an ML Metadata store; a snapshot taken at the first query.

    Args:
        config: Where the store is.
        root: Folder of the SQLite file unless the config names one.
        pipeline: Name of the pipeline.

    Raises:
        MetadataError: The store does not answer, or has another version.
    """

    def __init__(self, config: MetadataConfig, root: Path, pipeline: str) -> None:
        self._config, self._root, self._pipeline = config, root, pipeline

    def executions(self) -> list[Execution]:
        """Returns all executions of the pipeline, oldest first."""
        return self._snapshot[0]

    def artifacts(self) -> dict[int, Artifact]:
        """Returns all artifacts of the pipeline by id."""
        return self._snapshot[1]

    @cached_property
    def _snapshot(self) -> Snapshot:
        found = read_file(self._config, self._root, self._pipeline)
        if found is not None:
            return found
        with asked(self._config):
            return _read(open_store(self._config, self._root), self._pipeline)


def require_mlmd() -> None:
    """Looks for ML Metadata, so that a command without the ``pipeline`` extra fails before it starts.

    Raises:
        ModuleNotFoundError: It is not installed.
    """
    if find_spec("ml_metadata") is None:
        raise ModuleNotFoundError("No module named 'ml_metadata'", name="ml_metadata")


def is_absent(config: MetadataConfig, root: Path) -> bool:
    """Returns whether the store is a SQLite file that does not exist yet."""
    return not (config.mysql or config.postgresql) and not sqlite_path(config, root).exists()


def read_file(config: MetadataConfig, root: Path, pipeline: str) -> Snapshot | None:
    """Returns what a SQLite file says of a pipeline; None where ML Metadata has to be asked, see ``sqlite.snapshot``."""
    if is_absent(config, root):
        return [], {}
    if config.mysql or config.postgresql:
        return None
    return sqlite.snapshot(sqlite_path(config, root), pipeline)


def sqlite_path(config: MetadataConfig, root: Path) -> Path:
    """Returns the SQLite file of the store."""
    return Path(config.sqlite.path) if config.sqlite and config.sqlite.path else root / "metadata.db"


@contextlib.contextmanager
def asked(config: MetadataConfig) -> Iterator[None]:
    """Turns ML Metadata's exceptions into one clear error without the connection's secrets."""
    import ml_metadata.errors as mlmd_errors

    try:
        yield
    # Opening a store raises RuntimeError: wrong version, no answer, no database.
    except (mlmd_errors.StatusError, RuntimeError) as error:
        subject = "the ML Metadata store"
        database = config.mysql or config.postgresql
        subject += f" {database.database} at {database.host}" if database else ""
        name = database.database if database else ""
        raise _refusal(subject, _plain(error), name) from error


def _refusal(subject: str, said: str, database: str) -> MetadataError:
    """Returns the error for what ML Metadata said: tables of another version have remedies of their own."""
    if "syntax" in said and not _UNQUOTED.fullmatch(database):
        return MetadataError(
            subject,
            expected="a database that is there: ML Metadata cannot create one of this name, which needs quotes",
            seen="none",
            remedy="create the database yourself, or name one of letters, digits and _",
        )
    versions = _VERSIONS.search(said)
    if versions is None:
        return MetadataError(subject, expected="a store that answers and has this version", seen=said)
    theirs, order, ours = versions.groups()
    remedies = {
        "older": "back the database up, stop what writes to it, and run 'penstock metadata upgrade'",
        "greater": "install the version of Penstock that wrote it, or a later one",
    }
    return MetadataError(
        subject,
        expected=f"tables of version {ours}",
        seen=f"version {theirs}",
        remedy=remedies[order],
    )


def _plain(error: Exception) -> str:
    return str(error).splitlines()[0][:300] if str(error) else type(error).__name__


def connection_config(
    config: MetadataConfig, root: Path, environment: Callable[[str], str | None] = os.getenv
) -> Any:
    """Returns the MLMD ``ConnectionConfig``; only here is the password read from the environment.

    Raises:
        MetadataError: The variable that holds the password is not set, or the file is not one of SQLite.
        StorageError: The folder of the SQLite file cannot be created.
    """
    from ml_metadata.proto import metadata_store_pb2 as pb

    connection = pb.ConnectionConfig()
    database = config.mysql or config.postgresql
    if database is None:
        file = sqlite_path(config, root)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(file.parent, error) from error
        if not os.access(file.parent, os.W_OK):
            raise storage_error(file.parent, PermissionError(errno.EACCES, "no write permission"))
        _refuse_other_file(file)
        connection.sqlite.filename_uri = str(file)
        connection.sqlite.connection_mode = pb.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
        return connection
    password = environment(database.password_env)
    if password is None:
        raise MetadataError(
            f"metadata database at {database.host}",
            expected=f"its password in the environment variable {database.password_env}",
            seen="not set",
            remedy=f"export {database.password_env}",
        )
    if config.mysql:
        mysql = connection.mysql
        mysql.host, mysql.port, mysql.database = database.host, database.port or 3306, database.database
        mysql.user, mysql.password = database.user, password
    else:
        postgresql = connection.postgresql
        postgresql.host, postgresql.port = database.host, str(database.port or 5432)
        postgresql.user, postgresql.password, postgresql.dbname = database.user, password, database.database
    return connection


def _refuse_other_file(file: Path) -> None:
    """Refuses a file that SQLite has not written: ML Metadata takes it for a store without tables."""
    try:
        with file.open("rb") as opened:
            head = opened.read(len(_SQLITE))
    except FileNotFoundError:
        return
    except OSError as error:
        raise storage_error(file, error) from error
    if head and head != _SQLITE:
        raise MetadataError(
            f"the ML Metadata store {file}",
            expected="a file of SQLite, or none yet",
            seen="another file",
            remedy="correct metadata.sqlite.path, or move the file away",
        )


def open_store(config: MetadataConfig, root: Path, patience: float = 0.0) -> Any:
    """Opens the store, see ``steady.SteadyStore``.

    Args:
        config: Where the store is.
        root: Folder of the SQLite file unless the config names one.
        patience: Seconds to wait for a server that does not answer.

    Raises:
        MetadataError: It does not answer, or has another version.
    """
    from pipeline.lineage.steady import SteadyStore

    with asked(config):
        return SteadyStore(connection_config(config, root), patience)


def open_connection(connection: Any) -> Any:
    """Opens a store by its connection for a node, which waits for a server that restarts.

    Args:
        connection: ML Metadata's ``ConnectionConfig``.
    """
    from pipeline.lineage.steady import PATIENCE, SteadyStore

    return SteadyStore(connection, PATIENCE)


def execution_state(store: Any, execution: int) -> str:
    """Returns the last known state of an execution, such as COMPLETE or FAILED.

    Args:
        store: ML Metadata's store.
        execution: Id of the execution.
    """
    from ml_metadata.proto import metadata_store_pb2 as pb

    (found,) = store.get_executions_by_id([execution])
    return str(pb.Execution.State.Name(found.last_known_state))


def execution_state_number(name: str) -> int:
    """Returns ML Metadata's number of an execution's state, such as CACHED."""
    from ml_metadata.proto import metadata_store_pb2 as pb

    return int(pb.Execution.State.Value(name))


def associate(store: Any, contexts: Mapping[int, Collection[int]]) -> None:
    """Puts executions into contexts, in one transaction.

    Args:
        store: ML Metadata's ``MetadataStore``.
        contexts: Execution → its contexts, by their ids.
    """
    from ml_metadata.proto import metadata_store_pb2 as pb

    pairs = [(execution, context) for execution, found in contexts.items() for context in found]
    associations = [
        pb.Association(execution_id=execution, context_id=context) for execution, context in pairs
    ]
    store.put_attributions_and_associations([], associations)


def _read(store: Any, pipeline: str) -> Snapshot:
    context = store.get_context_by_type_and_name("pipeline", pipeline)
    if context is None:
        return [], {}
    executions = store.get_executions_by_context(context.id)
    artifacts = store.get_artifacts_by_context(context.id)
    types = {t.id: t.name for t in store.get_artifact_types()}
    events = store.get_events_by_execution_ids([e.id for e in executions]) if executions else []
    runs = _runs(store, executions)
    inputs, outputs = _links(events)
    records = [_execution(e, pipeline, runs, inputs, outputs) for e in executions]
    known = {a.id: _artifact(a, types) for a in artifacts}
    return sorted(records, key=lambda e: e.id), known


def _runs(store: Any, executions: Sequence[Any]) -> dict[int, str]:
    """Returns the run of each execution: the one it notes or, written by an earlier version, that of its context."""
    noted = {e.id: str(e.custom_properties[RUN_PROPERTY].string_value) for e in executions}
    found = {execution: run for execution, run in noted.items() if run}
    if len(found) < len(executions):
        told = set(found.values())
        for context in store.get_contexts_by_type("pipeline_run"):
            if context.name not in told:
                for execution in store.get_executions_by_context(context.id):
                    found.setdefault(execution.id, context.name)
    return found


def _links(events: Any) -> tuple[dict[int, dict[str, list[int]]], dict[int, dict[str, list[int]]]]:
    from ml_metadata.proto import metadata_store_pb2 as pb

    inputs: dict[int, dict[str, list[int]]] = {}
    outputs: dict[int, dict[str, list[int]]] = {}
    for event in events:
        if event.type in (pb.Event.PENDING_OUTPUT, pb.Event.INTERNAL_OUTPUT):
            continue  # a resolver finds artifacts, it does not make them
        side = outputs if event.type in (pb.Event.OUTPUT, pb.Event.DECLARED_OUTPUT) else inputs
        # An artifact that is used under several keys has one event, with a path that names them all.
        for key in [s.key for s in event.path.steps if s.WhichOneof("value") == "key"] or [""]:
            side.setdefault(event.execution_id, {}).setdefault(key, []).append(event.artifact_id)
    return inputs, outputs


def _values(message: Any) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for properties in (message.properties, message.custom_properties):
        for key, value in properties.items():
            kind = value.WhichOneof("value")
            if kind in ("int_value", "double_value", "string_value", "bool_value"):
                found[key] = getattr(value, kind)
    return found


def _execution(
    message: Any, pipeline: str, runs: dict[int, str], inputs: dict[int, Any], outputs: dict[int, Any]
) -> Execution:
    from ml_metadata.proto import metadata_store_pb2 as pb

    properties = _values(message)
    return Execution(
        id=message.id,
        node=str(properties.get("penstock_node", "")) or message.type.rpartition(".")[2],
        state=pb.Execution.State.Name(message.last_known_state),
        properties=properties,
        run=runs.get(message.id, ""),
        started=message.create_time_since_epoch / 1000,
        ended=message.last_update_time_since_epoch / 1000,
        inputs={k: tuple(v) for k, v in inputs.get(message.id, {}).items()},
        outputs={k: tuple(v) for k, v in outputs.get(message.id, {}).items()},
    )


def _artifact(message: Any, types: dict[int, str]) -> Artifact:
    from ml_metadata.proto import metadata_store_pb2 as pb

    return Artifact(
        id=message.id,
        type=types.get(message.type_id, ""),
        uri=message.uri,
        state=pb.Artifact.State.Name(message.state),
        properties=_values(message),
        created=message.create_time_since_epoch / 1000,
    )
